// Keeps fragments fresh. The server's socket only says "topic X changed, number N"; the fragment is then
// fetched again by htmx (event `live`). A gap in the numbers, a new connection or a reset refetches everything;
// while the socket is down every fragment polls.
(() => {
  const POLL_MS = 5000;
  const REFRESH_MS_MIN = 1000;
  const BACKOFF_MS_MAX = 15000;
  const url = document.querySelector('meta[name="live-url"]')?.content;
  const seen = new Map(); // topic -> last number
  const refreshed = new WeakMap(); // element -> time of the last refresh
  const waiting = new Set(); // elements that a timer will refresh
  const again = new Set(); // ids of fragments that changed while a refresh was on its way
  let socket = null;
  let isUp = false;
  let failures = 0;
  let lastNews = Date.now();
  let subscribed = new Set();

  const fragments = () => [...document.querySelectorAll("[data-live-topic]")];
  const topicsOf = (element) => element.dataset.liveTopic.split(" ").filter(Boolean);

  // Somebody who types in a fragment is not disturbed: it is refreshed when they leave it. Nor is somebody whose
  // finger is down: put another element under it, and the press is nobody's click.
  let pressed = null;
  const isBusy = (element) => {
    const active = document.activeElement;
    const typing = element.contains(active) && active.closest("form");
    return element.contains(pressed) || typing || element.querySelector("details[open] form") !== null;
  };

  const refresh = (element) => {
    if (waiting.has(element)) return;
    const wait = Math.max(0, (refreshed.get(element) || 0) + REFRESH_MS_MIN - Date.now());
    waiting.add(element);
    setTimeout(() => {
      waiting.delete(element);
      const fragment = current(element);
      if (!fragment) return;
      refreshed.set(fragment, Date.now());
      if (isBusy(fragment) || document.hidden) fragment.dataset.liveStale = "yes";
      else fire(fragment);
    }, wait);
  };

  // An answer that was on its way may have put another element in this one's place.
  const current = (element) => (element.isConnected ? element : element.id && document.getElementById(element.id));

  // The answer on its way may be older than what called for this refresh: fetch again when it is here.
  const fire = (element) => {
    delete element.dataset.liveStale;
    if (element.classList.contains("htmx-request")) again.add(element.id);
    else element.dispatchEvent(new CustomEvent("live"));
  };

  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    const fragment = detail.elt.id && document.getElementById(detail.elt.id);
    if (!fragment || !fragment.dataset.liveTopic) return;
    if (again.delete(fragment.id)) refresh(fragment);
    else if (!detail.successful) setTimeout(() => refresh(fragment), POLL_MS);
  });

  // Whatever a lost hint or a late answer may have left behind is caught up with after this at the latest.
  setInterval(() => isUp && refreshAll(), 30000);

  const catchUp = () => fragments().filter((e) => e.dataset.liveStale && !isBusy(e)).forEach(fire);
  const release = () => setTimeout(() => { pressed = null; catchUp(); });
  document.addEventListener("pointerdown", ({ target }) => (pressed = target), true);
  document.addEventListener("pointerup", release, true);
  document.addEventListener("pointercancel", release, true);
  document.addEventListener("focusout", () => setTimeout(catchUp, 300));
  document.addEventListener("toggle", () => setTimeout(catchUp, 300), true);
  document.addEventListener("visibilitychange", () => document.hidden || catchUp());

  // Whoever began to type while a refresh was on its way keeps the form; everybody keeps focus and scrolling.
  let kept = null;
  const nameOf = (element) => element.id || element.getAttribute("href") || element.name || element.textContent.trim();

  const keep = (fragment) => {
    const active = fragment.contains(document.activeElement) ? document.activeElement : null;
    const scrolls = [...fragment.querySelectorAll(".qd-scroll")].map((element) => element.scrollLeft);
    kept = { id: fragment.id, tag: active?.tagName, name: active && nameOf(active), scrolls };
  };

  const restore = () => {
    const fragment = kept && document.getElementById(kept.id);
    if (!fragment) return;
    fragment.querySelectorAll(".qd-scroll").forEach((element, n) => (element.scrollLeft = kept.scrolls[n] || 0));
    if (kept.tag) {
      const same = [...fragment.querySelectorAll(kept.tag)].find((element) => nameOf(element) === kept.name);
      same?.focus({ preventScroll: true });
    }
    kept = null;
  };

  document.addEventListener("htmx:beforeSwap", (event) => {
    const target = event.detail.target;
    if (!target.dataset?.liveTopic) return;
    if (isBusy(target)) {
      event.detail.shouldSwap = false;
      target.dataset.liveStale = "yes";
    } else keep(target);
  });
  document.addEventListener("htmx:afterSwap", restore);

  const refreshAll = () => fragments().forEach(refresh);

  const onHint = ({ topic, seq }) => {
    lastNews = Date.now();
    const before = seen.get(topic);
    seen.set(topic, seq);
    if (before !== undefined && seq !== before + 1) refreshAll();
    else fragments().filter((e) => topicsOf(e).includes(topic)).forEach(refresh);
  };

  // What changed between the page's rendering and this moment gave no hint to us: look once more.
  const onSubscribed = ({ topic, seq }) => {
    seen.set(topic, seq);
    fragments().filter((e) => topicsOf(e).includes(topic)).forEach(refresh);
  };

  const subscribe = () => {
    const wanted = new Set(fragments().flatMap(topicsOf));
    const fresh = [...wanted].filter((topic) => !subscribed.has(topic));
    subscribed = new Set([...subscribed, ...fresh]);
    if (fresh.length && socket?.readyState === WebSocket.OPEN) {
      socket.send(JSON.stringify({ type: "subscribe", topics: fresh }));
    }
  };

  const onMessage = (message) => {
    if (message.type === "hint") onHint(message);
    else if (message.type === "subscribed") onSubscribed(message);
    else if (message.type === "up") { setUp(true); seen.clear(); refreshAll(); }
    else if (message.type === "down") setUp(false);
    else if (message.type === "denied") console.warn(`live: ${message.topic}: ${message.message}`);
  };

  const setUp = (value) => {
    isUp = value;
    lastNews = Date.now();
    showState();
  };

  const showState = () => {
    const word = isUp ? "live" : "polling";
    document.querySelectorAll("[data-live-state]").forEach((element) => {
      if (element.textContent !== word) element.textContent = word;
      element.dataset.liveState = word;
    });
    const age = Math.round((Date.now() - lastNews) / 1000);
    const text = age < 1 ? "now" : age < 90 ? `${age} s ago` : `${Math.round(age / 60)} min ago`;
    document.querySelectorAll("[data-live-age]").forEach((element) => (element.textContent = ` · ${text}`));
  };

  const connect = () => {
    socket = new WebSocket(url);
    socket.onopen = () => {
      failures = 0;
      subscribed = new Set();
      subscribe();
    };
    socket.onmessage = (event) => onMessage(JSON.parse(event.data));
    socket.onclose = (event) => {
      setUp(false);
      if (event.code === 4401) return window.location.reload();
      failures += 1;
      const wait = Math.min(BACKOFF_MS_MAX, 500 * 2 ** Math.min(failures, 6));
      setTimeout(connect, wait * (0.5 + Math.random() / 2));
    };
  };

  if (!url || fragments().length === 0) return;
  document.addEventListener("htmx:afterSettle", subscribe);
  setInterval(showState, 1000);
  setInterval(() => {
    if (isUp) return;
    lastNews = Date.now();
    refreshAll();
  }, POLL_MS);
  connect();
})();
