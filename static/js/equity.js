// Backtest equity: every [data-equity] draws the JSON in the script elements that it names.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id)?.textContent || "[]");
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const days = (_, seconds) => seconds.map((second) => new Date(second * 1000).toISOString().slice(0, 10));
  const charts = new Map();

  const series = (after, before) => {
    const times = [...new Set([...after, ...before].map((point) => point[0]))].sort((a, b) => a - b);
    const column = (points) => {
      const known = new Map(points.map((point) => [point[0], Number(point[1])]));
      return times.map((time) => known.get(time) ?? null);
    };
    return [times.map((time) => time / 1000), column(after), ...(before.length ? [column(before)] : [])];
  };

  const draw = (element) => {
    charts.get(element)?.destroy();
    const after = read(element.dataset.after);
    const before = element.dataset.before ? read(element.dataset.before) : [];
    if (!after.length) return;
    const axis = { stroke: css("--qd-muted"), grid: { stroke: css("--qd-line"), width: 1 }, ticks: { show: false }, font: "11px sans-serif" };
    const line = (label, colour, width) => ({ label, stroke: colour, width, spanGaps: true, points: { show: false } });
    const chart = new uPlot({
      width: element.clientWidth,
      height: element.clientHeight,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      legend: { show: false },
      cursor: { drag: { x: false, y: false } },
      axes: [{ ...axis, space: 90, values: days }, { ...axis, size: 60 }],
      series: [{}, line("new build", css("--qd-accent"), 1.6), ...(before.length ? [line("baseline", css("--qd-old"), 1.2)] : [])],
    }, series(after, before), element);
    charts.set(element, chart);
  };

  const drawAll = () => {
    for (const [element, chart] of charts) if (!element.isConnected) { chart.destroy(); charts.delete(element); }
    document.querySelectorAll("[data-equity]").forEach(draw);
  };
  document.addEventListener("htmx:afterSettle", drawAll);
  document.addEventListener("themechange", drawAll);
  window.addEventListener("resize", drawAll);
  drawAll();
})();
