// Keeps a page current: the server says that something changed, the page asks for itself again and takes over
// what differs. Without this script every page still says all that it has to say.
"use strict";

(() => {
  const SILENCE = 15000; // ms; the server speaks every 5 s
  const RECONNECT = 1500;
  const STEADY = 15000; // times in words are renewed
  const main = document.getElementById("main");
  const status = document.getElementById("live");
  const said = document.getElementById("said");
  const live = main.dataset.live; // undefined: still; "": all changes; else: those of one job
  let source = null;
  let heard = Date.now();
  let stale = false;
  let fetching = false;
  let again = false;

  // ---- the line that says whether the page is live

  function clock(ms) {
    return new Date(ms).toLocaleTimeString([], { hour12: false });
  }

  function show(text, state) {
    if (status.textContent !== text) status.textContent = text;
    document.documentElement.dataset.live = state;
  }

  function lost() {
    if (stale) return;
    stale = true;
    show(`Stale since ${clock(heard)}: the worker does not answer; trying again`, "stale");
  }

  function found() {
    stale = false;
    show("Live", "live");
  }

  // ---- the stream

  function connect() {
    if (source) source.close();
    source = new EventSource("/ui/events");
    source.addEventListener("hello", () => {
      heard = Date.now();
      found();
      renew(); // what happened since the page was made, or since the stream broke off
    });
    source.addEventListener("beat", () => {
      heard = Date.now();
    });
    source.addEventListener("news", (event) => {
      heard = Date.now();
      const news = JSON.parse(event.data);
      if (!live || news.other || news.jobs === null || news.jobs.includes(live)) renew();
    });
    source.onerror = () => {
      lost();
      // browsers try again by themselves, except after an answer that was no stream
      if (source && source.readyState === EventSource.CLOSED) {
        setTimeout(connect, RECONNECT);
        renew(); // it says whether that was for want of a session
      }
    };
  }

  setInterval(() => {
    if (source && Date.now() - heard > SILENCE) {
      lost();
      heard = Date.now() - SILENCE + 5000;
      connect();
    }
  }, 1000);

  // a tab in the background holds no connection: a browser has six for each server
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      if (source) source.close();
      source = null;
      again = true;
    } else if (!source) {
      heard = Date.now();
      connect();
    }
  });

  // ---- taking over what differs

  async function renew() {
    if (live === undefined) return;
    if (fetching) {
      again = true;
      return;
    }
    fetching = true;
    again = false;
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (answer.status === 401) {
        location.reload(); // the session has ended: a person is led to where it begins again
        return;
      }
      if (answer.status < 500 && (answer.headers.get("Content-Type") || "").startsWith("text/html")) {
        const next = new DOMParser().parseFromString(await answer.text(), "text/html");
        const before = states();
        if (document.title !== next.title) document.title = next.title;
        children(main, next.getElementById("main"));
        times();
        announce(before);
      }
    } catch {
      // the stream notices that the worker is away
    }
    fetching = false;
    if (again) setTimeout(renew, 300);
  }

  function key(node) {
    return node.nodeType === Node.ELEMENT_NODE && node.id ? node.id : null;
  }

  // elements with an id are kept wherever they move, all others by their place: focus and selection stay
  function children(old, next) {
    const known = new Map();
    for (const child of old.childNodes) if (key(child)) known.set(key(child), child);
    const wanted = new Set([...next.childNodes].map(key).filter(Boolean));
    let at = old.firstChild;
    for (const child of [...next.childNodes]) {
      while (at && key(at) && !wanted.has(key(at))) {
        const gone = at;
        at = at.nextSibling;
        gone.remove();
      }
      const same = key(child) ? known.get(key(child)) : at && !key(at) && alike(at, child) ? at : null;
      if (same) {
        if (same === at) at = at.nextSibling;
        else old.insertBefore(same, at);
        node(same, child);
      } else {
        old.insertBefore(document.importNode(child, true), at);
      }
    }
    while (at) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
  }

  function alike(a, b) {
    return a.nodeType === b.nodeType && a.nodeName === b.nodeName;
  }

  function node(old, next) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue;
      return;
    }
    if (old.nodeName === "FORM" && old.contains(document.activeElement)) return; // someone is typing
    for (const { name } of [...old.attributes]) if (!next.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    children(old, next);
  }

  // ---- what happened, for those who do not see it

  function states() {
    const found = new Map();
    for (const job of main.querySelectorAll("[data-job]")) found.set(job.dataset.job, job.dataset.state);
    return found;
  }

  function announce(before) {
    const news = [];
    for (const job of main.querySelectorAll("[data-job]")) {
      const was = before.get(job.dataset.job);
      if (was !== undefined && was !== job.dataset.state) news.push(`${job.dataset.file}: ${job.dataset.state}`);
    }
    if (news.length) said.textContent = news.slice(0, 3).join(", ") + (news.length > 3 ? ", and more" : "");
  }

  // ---- times in words

  const words = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "long" });

  function ago(seconds) {
    if (seconds < 5) return "just now";
    if (seconds < 60) return words.format(-Math.floor(seconds), "second");
    if (seconds < 3600) return words.format(-Math.floor(seconds / 60), "minute");
    if (seconds < 86400) return words.format(-Math.floor(seconds / 3600), "hour");
    return words.format(-Math.floor(seconds / 86400), "day");
  }

  function times() {
    for (const time of document.querySelectorAll("time[datetime]")) {
      const at = Date.parse(time.dateTime);
      if (Number.isNaN(at)) continue;
      const text = ago((Date.now() - at) / 1000);
      if (time.textContent !== text) time.textContent = text;
      time.title = new Date(at).toLocaleString();
    }
  }

  times();
  setInterval(times, STEADY);
  connect();
})();
