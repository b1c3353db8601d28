/* Charts: draws every [data-chart] from the JSON block beside it (made by stratum/lib/charts.py) with ECharts.

   SVG renderer and rich-text tooltips keep it inside the Content-Security-Policy; colours are hexadecimal because
   ECharts cannot read the page's colour functions. The chart box is dir=ltr: in right-to-left pages the axes are
   turned by option, and the labels would overlap the plot otherwise. */
(function () {
  "use strict";
  const stratum = window.stratum;
  const words = stratum.words;
  const echarts = window.echarts;
  const drawn = new Map();
  const rtl = document.documentElement.dir === "rtl";
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;

  const PALETTES = {
    light: {
      series: ["#0b6a80", "#b96a06", "#79478d", "#4c5d6b", "#55751b", "#a8482f"],
      platforms: { meta: "#3f6fd6", google: "#c98a1b", tiktok: "#b8336a", snapchat: "#7a8f2a", linkedin: "#4f7fa8" },
      ink: "#1c2227", quiet: "#646b71", line: "#e4e4de", compare: "#868d92", ground: "#ffffff", raised: "#ffffff",
      border: "#d0d0c8", hatch: "rgba(28,34,39,0.16)", band: 0.14, fill: 0.09,
      events: { rule: "#79478d", person: "#4c5d6b", incident: "#ad2219", note: "#646b71" },
    },
    dark: {
      series: ["#58bdd3", "#e9b04e", "#c795da", "#a3b3c1", "#a9c46c", "#e58d72"],
      platforms: { meta: "#7ba2f5", google: "#e9b04e", tiktok: "#e77aa5", snapchat: "#b5c95a", linkedin: "#8db8dc" },
      ink: "#e7e9eb", quiet: "#929aa1", line: "#2a3036", compare: "#7d868d", ground: "#1a1e22", raised: "#21262b",
      border: "#3b434a", hatch: "rgba(231,233,235,0.18)", band: 0.2, fill: 0.12,
      events: { rule: "#c795da", person: "#a3b3c1", incident: "#ff8f85", note: "#929aa1" },
    },
  };
  const palette = () => PALETTES[stratum.theme()] || PALETTES.light;

  /* --- Words and figures ----------------------------------------------------------------------------------- */

  const formatters = new Map();
  function intl(locale, options) {
    const key = locale + JSON.stringify(options);
    if (!formatters.has(key)) formatters.set(key, new Intl.NumberFormat(`${locale}-u-nu-latn`, options));
    return formatters.get(key);
  }

  function figure(value, format, data, compact) {
    if (value === null || value === undefined || value === "" || Number.isNaN(value)) return "–";
    const size = compact ? { notation: "compact", maximumFractionDigits: 1 } : { maximumFractionDigits: 2 };
    if (format === "money" && data.currency) {
      return intl(data.locale, { style: "currency", currency: data.currency, currencyDisplay: "narrowSymbol", ...size }).format(value);
    }
    if (format === "percent") return intl(data.locale, { style: "percent", maximumFractionDigits: compact ? 1 : 2 }).format(value);
    if (format === "multiple") return `${intl(data.locale, { maximumFractionDigits: 2 }).format(value)}×`;
    return intl(data.locale, size).format(value);
  }

  function day(text, data, long) {
    const options = long
      ? { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" }
      : { day: "numeric", month: "short", timeZone: "UTC" };
    return new Intl.DateTimeFormat(`${data.locale}-u-nu-latn`, options).format(new Date(`${text}T00:00:00Z`));
  }

  const place = (text, data, long) => (data.kind === "days" ? day(text, data, long) : text);

  // Values that come from names of people's campaigns must not be read as rich-text markup.
  const plain = (text) => String(text).replace(/[{}|]/g, " ");

  /* --- Option ---------------------------------------------------------------------------------------------- */

  function colour(one, index, colours) {
    if (typeof one.color === "string" && one.color) return colours.platforms[one.color] || colours.series[index % 6];
    if (one.shape === "compare") return colours.compare;
    return colours.series[((one.color || index + 1) - 1) % colours.series.length];
  }

  const hatches = new Map();

  // A tile of one diagonal line; the SVG renderer embeds it as a data: picture, which the policy allows.
  function hatch(colours) {
    if (!hatches.has(colours)) {
      const tile = document.createElement("canvas");
      tile.width = 8;
      tile.height = 8;
      const pen = tile.getContext("2d");
      pen.strokeStyle = colours.hatch;
      pen.lineWidth = 1;
      // Three strokes, so that the line meets itself at the edges of the tile.
      [-8, 0, 8].forEach((shift) => {
        pen.beginPath();
        pen.moveTo(shift, 8);
        pen.lineTo(shift + 8, 0);
        pen.stroke();
      });
      hatches.set(colours, { image: tile, repeat: "repeat" });
    }
    return hatches.get(colours);
  }

  function marks(data, colours) {
    const lines = data.events.filter((event) => !event.until).map((event) => ({
      xAxis: event.day,
      name: event.label,
      lineStyle: { color: colours.events[event.kind] || colours.events.note, type: [3, 3], width: 1.25 },
      label: { color: colours.events[event.kind] || colours.events.note, formatter: plain(event.label) },
    }));
    const spans = data.events.filter((event) => event.until).map((event) => [
      { xAxis: event.day, name: plain(event.label), itemStyle: { color: colours.events[event.kind], opacity: 0.1 },
        label: { color: colours.events[event.kind] } },
      { xAxis: event.until },
    ]);
    if (data.immature && data.x.length > 1) {
      const from = data.x[Math.max(data.x.length - data.immature, 0)];
      spans.push([
        { xAxis: from, itemStyle: { color: hatch(colours), opacity: 1 }, label: { show: false } },
        { xAxis: data.x[data.x.length - 1] },
      ]);
    }
    return { lines, spans };
  }

  function tooltip(data, colours, phone) {
    return {
      trigger: "axis", renderMode: "richText", confine: true, transitionDuration: 0,
      backgroundColor: colours.raised, borderColor: colours.border, borderWidth: 1, padding: [8, 12],
      textStyle: { color: colours.ink, fontSize: 12, lineHeight: 19, fontFamily: font() },
      axisPointer: { type: "line", lineStyle: { color: colours.quiet, width: 1 }, animation: false },
      position: phone ? (point, params, dom, rect, size) => [Math.max((size.viewSize[0] - size.contentSize[0]) / 2, 0), 0] : undefined,
      formatter(items) {
        const index = items[0].dataIndex;
        const rows = [`{b|${plain(place(data.x[index], data, true))}}`];
        data.series.forEach((one) => {
          const item = items.find((candidate) => candidate.seriesName === one.name);
          const marker = item ? item.marker : "";
          rows.push(`${marker} ${plain(one.name)}  {v|${plain(figure(one.values[index], one.format, data))}}`);
        });
        data.bands.forEach((band) => {
          if (band.lower[index] === null) return;
          const format = data.series[0]?.format || "number";
          rows.push(`${plain(band.name)}  {v|${plain(figure(band.lower[index], format, data))} – ${plain(figure(band.upper[index], format, data))}}`);
        });
        data.events.filter((event) => event.day === data.x[index]).forEach((event) => rows.push(`{e|${plain(event.label)}}`));
        if (data.immature && index >= data.x.length - data.immature) rows.push(`{n|${plain(words.immature)}}`);
        return rows.join("\n");
      },
    };
  }

  const font = () => getComputedStyle(document.body).fontFamily;

  function richStyles(colours) {
    return {
      b: { fontWeight: 600, color: colours.ink, fontSize: 12, lineHeight: 20 },
      v: { fontWeight: 600, color: colours.ink, fontSize: 12 },
      e: { color: colours.events.rule, fontSize: 12, lineHeight: 19 },
      n: { color: colours.quiet, fontSize: 11, lineHeight: 18 },
    };
  }

  const LINES = { compare: { width: 1.25, type: [4, 3] }, forecast: { width: 1.75, type: [6, 4] } };

  function option(data, width) {
    const colours = palette();
    const phone = width < 480;
    const bars = data.series.some((one) => one.shape === "bar" || one.shape === "stack");
    const events = marks(data, colours);
    const series = [];

    data.bands.forEach((band) => {
      const tint = colours.series[(band.color - 1) % 6];
      const shared = { type: "line", stack: `band-${band.name}`, symbol: "none", silent: true, lineStyle: { opacity: 0 }, emphasis: { disabled: true }, tooltip: { show: false }, itemStyle: { color: tint } };
      series.push({ ...shared, name: `${band.name} ↓`, data: band.lower });
      series.push({ ...shared, name: band.name, data: band.upper.map((top, index) => (top === null ? null : top - band.lower[index])), areaStyle: { color: tint, opacity: colours.band } });
    });

    data.series.forEach((one, index) => {
      const tint = colour(one, index, colours);
      const bar = one.shape === "bar" || one.shape === "stack";
      series.push({
        name: one.name,
        type: bar ? "bar" : "line",
        data: one.values,
        yAxisIndex: data.horizontal ? 0 : one.axis,
        stack: one.shape === "stack" ? `stack-${one.axis}` : undefined,
        color: tint,
        itemStyle: { color: tint, borderRadius: one.shape === "bar" ? (data.horizontal ? [0, 2, 2, 0] : [2, 2, 0, 0]) : 0 },
        barMaxWidth: 28,
        // Straight segments: a smoothed curve invents values between the days.
        smooth: false,
        showSymbol: one.values.filter((value) => value !== null).length < 2,
        symbol: "circle", symbolSize: 5,
        connectNulls: false,
        lineStyle: LINES[one.shape] ? { color: tint, ...LINES[one.shape] } : { color: tint, width: 1.75 },
        areaStyle: one.shape === "area" ? { color: tint, opacity: colours.fill } : undefined,
        emphasis: { focus: "none" },
        z: one.shape === "compare" ? 2 : 3,
      });
    });

    if (series.length && (events.lines.length || events.spans.length)) {
      const host = series[series.length - 1];
      host.markLine = {
        symbol: ["none", "none"], silent: false, animation: false, data: events.lines,
        // Above the plot while they fit beside each other; many events speak through the tooltip.
        label: { show: width > 560 && events.lines.length <= Math.floor(width / 220), position: "end", fontSize: 11, distance: 3, fontFamily: font(), overflow: "truncate", width: 140 },
      };
      host.markArea = { silent: true, data: events.spans, label: { position: "insideTop", fontSize: 11, fontFamily: font() } };
    }

    const label = { color: colours.quiet, fontSize: 11, fontFamily: font() };
    const names = {
      type: "category", data: data.x, inverse: rtl && !data.horizontal, boundaryGap: bars || data.horizontal,
      axisLine: { lineStyle: { color: colours.border } }, axisTick: { show: false },
      axisLabel: { ...label, hideOverlap: true, formatter: (text) => place(text, data, false), margin: 10, ...(data.horizontal ? { width: phone ? 90 : 160, overflow: "truncate" } : {}) },
    };
    const values = [0, 1].filter((axis) => axis === 0 || data.series.some((one) => one.axis === axis)).map((axis) => {
      const mine = data.series.filter((one) => one.axis === axis);
      const format = mine[0]?.format || "number";
      // What is counted whole has no ticks between.
      const whole = format === "number" && mine.every((one) => one.values.every((value) => value === null || Number.isInteger(value)));
      return {
        type: "value", minInterval: whole ? 1 : undefined, name: data.horizontal ? "" : data.units[axis] || "", position: (axis === 1) !== rtl ? "right" : "left",
        inverse: rtl && data.horizontal,
        nameLocation: "end", nameGap: 10,
        nameTextStyle: { ...label, align: (axis === 1) !== rtl ? "left" : "right", padding: (axis === 1) !== rtl ? [0, 0, 0, 8] : [0, 8, 0, 0] },
        axisLabel: { ...label, formatter: (value) => figure(value, format, data, true) },
        splitLine: { show: axis === 0, lineStyle: { color: colours.line } },
        splitNumber: 4, axisLine: { show: false }, axisTick: { show: false },
      };
    });
    const legend = data.series.length + data.bands.length > 1;
    const zoom = data.zoom && data.x.length > 14;
    return {
      animation: !still, animationDuration: 300,
      aria: { enabled: true, label: { description: summary(data) } },
      textStyle: { fontFamily: font() },
      color: colours.series,
      grid: { left: data.horizontal && rtl ? 20 : 4, right: data.horizontal ? 20 : data.units[1] || rtl ? 4 : 12, top: legend ? (phone && data.series.length > 2 ? 60 : 44) : 28, bottom: zoom ? 52 : 4, containLabel: true },
      legend: legend ? {
        top: 0, [rtl ? "right" : "left"]: 0, itemWidth: 14, itemHeight: 8, itemGap: 14, icon: "roundRect", align: rtl ? "right" : "left",
        inactiveColor: colours.border, textStyle: { color: colours.ink, fontSize: 12, fontFamily: font() },
        data: [...data.series.map((one) => ({ name: one.name })), ...data.bands.map((band) => ({ name: band.name }))],
      } : undefined,
      tooltip: { ...tooltip(data, colours, phone), textStyle: { ...tooltip(data, colours, phone).textStyle, rich: richStyles(colours) } },
      xAxis: data.horizontal ? values : names,
      yAxis: data.horizontal ? { ...names, inverse: true, position: rtl ? "right" : "left" } : values,
      dataZoom: zoom ? [
        { type: "inside", zoomOnMouseWheel: "ctrl", moveOnMouseWheel: false, moveOnMouseMove: true },
        { type: "slider", height: 22, bottom: 4, borderColor: colours.line, fillerColor: `${colours.series[0]}14`,
          backgroundColor: "transparent", handleStyle: { color: colours.ground, borderColor: colours.series[0] }, moveHandleSize: 0,
          dataBackground: { lineStyle: { color: colours.compare, width: 1 }, areaStyle: { color: colours.compare, opacity: 0.1 } },
          selectedDataBackground: { lineStyle: { color: colours.series[0], width: 1 }, areaStyle: { color: colours.series[0], opacity: 0.06 } },
          showDetail: false, brushSelect: false },
      ] : undefined,
      series,
    };
  }

  function summary(data) {
    if (!data.x.length) return words.noData;
    return words.chartSummary
      .replace("%(series)s", data.series.map((one) => one.name).join(", "))
      .replace("%(first)s", place(data.x[0], data, true))
      .replace("%(last)s", place(data.x[data.x.length - 1], data, true));
  }

  /* --- Life ------------------------------------------------------------------------------------------------ */

  function read(box) {
    const block = document.getElementById(`${box.id}-data`);
    return block ? JSON.parse(block.textContent) : null;
  }

  function draw(box) {
    const data = read(box);
    if (!data) return;
    dispose(box);
    box.replaceChildren();
    if (!data.x.length) {
      const nothing = document.createElement("span");
      nothing.className = "plot-wait";
      nothing.textContent = words.noData;
      box.append(nothing);
      return;
    }
    const chart = echarts.init(box, null, { renderer: "svg" });
    chart.setOption(option(data, box.clientWidth));
    box.setAttribute("aria-description", summary(data));
    drawn.set(box, { chart, data, index: -1 });
    watcher.observe(box);
  }

  function dispose(box) {
    drawn.get(box)?.chart.dispose();
    drawn.delete(box);
    watcher.unobserve(box);
  }

  const watcher = new ResizeObserver((entries) => entries.forEach((entry) => {
    const state = drawn.get(entry.target);
    if (!state || !entry.contentRect.width) return;
    state.chart.resize();
  }));

  function drawAll(root) {
    root.querySelectorAll("[data-chart]").forEach((box) => { if (!drawn.has(box)) draw(box); });
  }

  function sweep() {
    [...drawn.keys()].filter((box) => !box.isConnected).forEach(dispose);
  }

  // A theme is another palette: drawn anew, the zoomed part kept.
  document.addEventListener("stratum:theme", () => [...drawn.keys()].forEach((box) => {
    const zoom = drawn.get(box).chart.getOption().dataZoom?.[0];
    draw(box);
    if (zoom) drawn.get(box).chart.dispatchAction({ type: "dataZoom", start: zoom.start, end: zoom.end });
  }));
  document.body.addEventListener("htmx:afterSettle", (event) => { sweep(); drawAll(event.detail.elt.parentElement || document); });

  /* --- Keyboard: left and right read the days out ------------------------------------------------------------ */

  document.addEventListener("keydown", (event) => {
    const state = drawn.get(event.target);
    if (!state || !["ArrowLeft", "ArrowRight", "Home", "End", "Escape"].includes(event.key)) return;
    event.preventDefault();
    const last = state.data.x.length - 1;
    if (event.key === "Escape") {
      state.index = -1;
      state.chart.dispatchAction({ type: "hideTip" });
      return;
    }
    const step = (event.key === "ArrowRight") !== rtl ? 1 : -1;
    if (event.key === "Home") state.index = 0;
    else if (event.key === "End") state.index = last;
    else state.index = state.index < 0 ? (step > 0 ? 0 : last) : Math.min(Math.max(state.index + step, 0), last);
    state.chart.dispatchAction({ type: "showTip", seriesIndex: state.data.bands.length * 2, dataIndex: state.index });
    const said = state.data.series.map((one) => `${one.name} ${figure(one.values[state.index], one.format, state.data)}`);
    event.target.setAttribute("aria-description", `${place(state.data.x[state.index], state.data, true)}: ${said.join(", ")}`);
  });

  /* --- Data table and downloads ------------------------------------------------------------------------------ */

  function columns(data) {
    const list = data.series.map((one) => ({ name: one.name, values: one.values, format: one.format }));
    data.bands.forEach((band) => {
      const format = data.series[0]?.format || "number";
      list.push({ name: `${band.name} ↓`, values: band.lower, format }, { name: `${band.name} ↑`, values: band.upper, format });
    });
    return list;
  }

  function cell(tag, text, attributes = {}) {
    const element = document.createElement(tag);
    element.textContent = text;
    Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    return element;
  }

  function table(data, caption) {
    const all = columns(data);
    const element = document.createElement("table");
    element.className = "data-table";
    element.append(cell("caption", caption, { class: "visually-hidden" }));
    const head = element.createTHead().insertRow();
    head.append(cell("th", data.xName || words.day, { scope: "col" }));
    all.forEach((one) => head.append(cell("th", one.name, { scope: "col", class: "num" })));
    const body = element.createTBody();
    data.x.forEach((text, index) => {
      const row = body.insertRow();
      const unripe = data.immature && index >= data.x.length - data.immature;
      if (unripe) row.className = "immature";
      row.append(cell("th", place(text, data, true), { scope: "row" }));
      all.forEach((one) => row.append(cell("td", figure(one.values[index], one.format, data), { class: unripe ? "num immature" : "num" })));
    });
    return element;
  }

  function csv(data) {
    const all = columns(data);
    const quoted = (value) => {
      let text = value === null || value === undefined ? "" : String(value);
      // A spreadsheet would run a text that starts like a formula.
      if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
      return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const lines = [[data.xName || words.day, ...all.map((one) => one.name)].map(quoted).join(",")];
    data.x.forEach((text, index) => lines.push([text, ...all.map((one) => one.values[index])].map(quoted).join(",")));
    return `\ufeff${lines.join("\r\n")}\r\n`;
  }

  function save(url, name) {
    const link = document.createElement("a");
    link.href = url;
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
  }

  function download(state, kind, title) {
    const { data } = state;
    if (kind === "csv") {
      const url = URL.createObjectURL(new Blob([csv(data)], { type: "text/csv;charset=utf-8" }));
      save(url, `${data.fileName}.csv`);
      window.setTimeout(() => URL.revokeObjectURL(url), 1000);
      return;
    }
    const holder = document.createElement("div");
    const canvas = echarts.init(holder, null, { renderer: "canvas", width: 1200, height: 600, devicePixelRatio: 2 });
    const full = option(data, 1200);
    full.animation = false;
    full.dataZoom = undefined;
    full.grid = { ...full.grid, left: 24, right: 32, top: 84, bottom: 20 };
    if (full.legend) full.legend = { ...full.legend, top: 44, [rtl ? "right" : "left"]: 20 };
    full.title = { text: title, [rtl ? "right" : "left"]: 20, top: 14, textStyle: { color: palette().ink, fontSize: 16, fontWeight: 600, fontFamily: font() } };
    canvas.setOption(full);
    save(canvas.getDataURL({ type: "png", backgroundColor: palette().ground }), `${data.fileName}.png`);
    canvas.dispose();
  }

  document.addEventListener("click", (event) => {
    const box = event.target.closest?.("[data-chart-box]");
    const canvas = box?.querySelector("[data-chart]");
    const state = canvas && drawn.get(canvas);
    if (!state) return;
    const toggle = event.target.closest("[data-chart-table]");
    if (toggle) {
      const holder = document.getElementById(`${canvas.id}-table`);
      const open = holder.hidden;
      if (open) holder.replaceChildren(table(state.data, box.querySelector("h2, h3")?.textContent || ""));
      holder.hidden = !open;
      holder.tabIndex = 0;
      toggle.setAttribute("aria-expanded", String(open));
      toggle.querySelector("span").textContent = open ? words.hideTable : words.showTable;
    }
    const wanted = event.target.closest("[data-chart-download]");
    if (wanted) download(state, wanted.dataset.chartDownload, box.querySelector("h2, h3")?.textContent.trim() || "");
  });

  // Text is measured when it is drawn: wait for the page's own font.
  (document.fonts?.ready || Promise.resolve()).then(() => drawAll(document));
})();
