// The bot's charts: candles with fills, and profit and loss. New bars come with the fragment event `live`.
(() => {
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const utc = (ms) => new Date(ms).toISOString().replace("T", " ").slice(0, 16);

  const days = (_, seconds) => seconds.map((second) => {
    const text = utc(second * 1000);
    return text.endsWith("00:00") ? text.slice(5, 10) : text.slice(5);
  });

  class BotChart {
    constructor(element) {
      this.element = element;
      this.bars = new Map();
      this.fills = new Map();
      this.equity = new Map();
      this.until = 0;
      this.isLoading = false;
      this.build();
      element.addEventListener("live", () => this.load());
      document.addEventListener("themechange", () => this.restyle());
      window.addEventListener("resize", () => this.drawEquity());
      this.load();
    }

    build() {
      const places = Math.max(2, (this.element.dataset.tick.split(".")[1] || "").length);
      this.chart = LightweightCharts.createChart(this.element.querySelector("[data-price]"), {
        autoSize: true,
        layout: { attributionLogo: false, fontSize: 11, background: { color: "transparent" } },
        timeScale: { timeVisible: true, secondsVisible: false, rightOffset: 4 },
        crosshair: { mode: LightweightCharts.CrosshairMode.Normal },
        handleScale: { mouseWheel: false },
      });
      this.candles = this.chart.addSeries(LightweightCharts.CandlestickSeries, {
        priceFormat: { type: "price", precision: places, minMove: 10 ** -places },
      });
      this.markers = LightweightCharts.createSeriesMarkers(this.candles, []);
      this.restyle();
    }

    restyle() {
      const line = css("--qd-line");
      this.chart.applyOptions({
        layout: { textColor: css("--qd-muted") },
        grid: { vertLines: { color: line }, horzLines: { color: line } },
        rightPriceScale: { borderColor: line },
        timeScale: { borderColor: line },
      });
      const up = css("--qd-good"), down = css("--qd-bad");
      this.candles.applyOptions({ upColor: "transparent", borderUpColor: up, wickUpColor: up, downColor: down, borderDownColor: down, wickDownColor: down });
      this.drawMarkers();
      this.drawEquity();
    }

    async load() {
      if (this.isLoading) return;
      this.isLoading = true;
      try {
        const query = this.until ? `?after=${this.until}` : "";
        const response = await fetch(this.element.dataset.series + query, { headers: { Accept: "application/json" } });
        if (response.ok) this.take(await response.json());
      } finally {
        this.isLoading = false;
      }
    }

    take(found) {
      const isFirst = this.bars.size === 0;
      for (const [at, open, high, low, close] of found.bars) {
        const bar = { time: at / 1000, open, high, low, close };
        this.bars.set(at, bar);
        if (!isFirst) this.candles.update(bar);
      }
      if (isFirst) {
        this.candles.setData([...this.bars.values()]);
        this.chart.timeScale().fitContent();
      }
      found.fills.forEach((fill) => this.fills.set(fill.id, fill));
      found.equity.forEach(([at, pnl]) => this.equity.set(at, pnl));
      this.until = Math.max(this.until, found.until);
      this.element.querySelector("[data-chart-empty]").hidden = this.bars.size > 0;
      const clock = this.element.closest("section").querySelector("[data-market-clock]");
      if (this.until) clock.textContent = `${utc(this.until)} UTC`;
      this.drawMarkers();
      this.drawEquity();
    }

    drawMarkers() {
      const accent = css("--qd-accent"), warn = css("--qd-warn");
      const marks = [...this.fills.values()].sort((a, b) => a.at - b.at).map((fill) => ({
        time: fill.at / 1000,
        position: fill.side === "BUY" ? "belowBar" : "aboveBar",
        shape: fill.side === "BUY" ? "arrowUp" : "arrowDown",
        color: fill.side === "BUY" ? accent : warn,
        text: `${fill.side === "BUY" ? "+" : "−"}${fill.quantity}`,
      }));
      this.markers.setMarkers(marks);
    }

    drawEquity() {
      const element = this.element.querySelector("[data-pnl]");
      this.plot?.destroy();
      this.plot = null;
      const points = [...this.equity.entries()].sort((a, b) => a[0] - b[0]);
      if (points.length < 2) return;
      const grid = { stroke: css("--qd-line"), width: 1 };
      const axis = { stroke: css("--qd-muted"), grid, ticks: { show: false }, font: "11px sans-serif" };
      this.plot = new uPlot({
        width: element.clientWidth,
        height: element.clientHeight,
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        legend: { show: false },
        cursor: { drag: { x: false, y: false } },
        axes: [{ ...axis, space: 90, values: days }, { ...axis, size: 64 }],
        series: [{}, { label: "PnL", stroke: css("--qd-accent"), width: 1.6, points: { show: false } }],
      }, [points.map(([at]) => at / 1000), points.map(([, pnl]) => pnl)], element);
    }
  }

  document.querySelectorAll("[data-bot-chart]").forEach((element) => new BotChart(element));
})();
