// Prices with marks: every [data-prices] draws candles with trades from the address in data-series, or a line
// with gaps and outliers from the JSON in the script element that data-points names.
(() => {
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const charts = new Map();

  const trade = (fill) => ({
    time: fill.at / 1000,
    position: fill.side === "BUY" ? "belowBar" : "aboveBar",
    shape: fill.side === "BUY" ? "arrowUp" : "arrowDown",
    color: css(fill.side === "BUY" ? "--qd-accent" : "--qd-warn"),
  });
  const finding = (mark) => ({
    time: mark.at / 1000,
    position: "inBar",
    shape: mark.kind === "gap" ? "square" : "circle",
    color: css(mark.kind === "gap" ? "--qd-warn" : "--qd-bad"),
    text: mark.text,
  });

  class Prices {
    constructor(element) {
      this.element = element;
      this.found = null;
      const places = Math.max(2, (element.dataset.tick.split(".")[1] || "").length);
      const priceFormat = { type: "price", precision: places, minMove: 10 ** -places };
      this.chart = LightweightCharts.createChart(element.querySelector("[data-canvas]"), {
        autoSize: true,
        layout: { attributionLogo: false, fontSize: 11, background: { color: "transparent" } },
        timeScale: { timeVisible: true, secondsVisible: false },
        handleScale: { mouseWheel: false },
      });
      this.isLine = Boolean(element.dataset.points);
      const kind = this.isLine ? LightweightCharts.LineSeries : LightweightCharts.CandlestickSeries;
      this.series = this.chart.addSeries(kind, this.isLine ? { priceFormat, lineWidth: 1 } : { priceFormat });
      this.markers = LightweightCharts.createSeriesMarkers(this.series, []);
      this.restyle();
      this.load();
    }

    restyle() {
      const line = css("--qd-line"), up = css("--qd-good"), down = css("--qd-bad");
      this.chart.applyOptions({
        layout: { textColor: css("--qd-muted") },
        grid: { vertLines: { color: line }, horzLines: { color: line } },
        rightPriceScale: { borderColor: line },
        timeScale: { borderColor: line },
      });
      if (this.isLine) this.series.applyOptions({ color: css("--qd-accent") });
      else this.series.applyOptions({ upColor: "transparent", borderUpColor: up, wickUpColor: up, downColor: down, borderDownColor: down, wickDownColor: down });
      this.mark();
    }

    async load() {
      if (this.isLine) return this.take(JSON.parse(document.getElementById(this.element.dataset.points).textContent));
      const response = await fetch(this.element.dataset.series, { headers: { Accept: "application/json" } });
      if (response.ok) this.take(await response.json());
      else this.note("The prices cannot be read: the dataset’s file is missing or changed.");
    }

    take(found) {
      this.found = found;
      if (this.isLine) this.series.setData(found.points.map(([at, value]) => ({ time: at / 1000, value })));
      else this.series.setData(found.bars.map(([at, open, high, low, close]) => ({ time: at / 1000, open, high, low, close })));
      this.chart.timeScale().fitContent();
      this.mark();
      if (this.isLine) return;
      if (found.marks_total > found.fills.length) this.note(`The first ${found.fills.length} of ${found.marks_total} trades are drawn: choose fewer days.`);
      else if (!found.bars.length) this.note("No bar lies between these days.");
      else if (found.bars_total > found.bars.length) this.note(`Each candle is about ${Math.round(found.bars_total / found.bars.length)} bars; choose fewer days for single ones.`);
    }

    note(text) {
      this.element.querySelector("[data-note]").textContent = text;
    }

    mark() {
      if (!this.found) return;
      const marks = this.isLine ? this.found.marks.map(finding) : this.found.fills.map(trade);
      this.markers.setMarkers(marks.sort((a, b) => a.time - b.time));
    }
  }

  const drawAll = () => {
    for (const [element, prices] of charts) if (!element.isConnected) { prices.chart.remove(); charts.delete(element); }
    document.querySelectorAll("[data-prices]").forEach((element) => charts.has(element) || charts.set(element, new Prices(element)));
  };
  document.addEventListener("htmx:afterSettle", drawAll);
  document.addEventListener("themechange", () => charts.forEach((prices) => prices.restyle()));
  drawAll();
})();
