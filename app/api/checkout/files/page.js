// Keeps the page as the invoice is, without a reload. Without this module the page is reloaded by itself.
const find = (selector) => document.querySelector(selector);
const main = () => find("main").dataset;
const said = find("#said");
let silence, clock, source, former, last = "", ends = 0, renewals = 0;

function say(text, seen) {
  clearTimeout(silence);
  said.classList.toggle("hidden", !seen);
  said.textContent = text;
  silence = setTimeout(() => { said.textContent = ""; }, 6000);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // a page without TLS, or a frame that may not
    const box = document.createElement("textarea"), focus = document.activeElement;
    box.value = text;
    document.body.append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
    focus?.focus({preventScroll: true});
  }
  say(main().copied.replace("{copy}", text), true);
}

function tell(message) {
  if (parent !== window && main().parent) parent.postMessage({kennel: message, ...main()}, main().parent);
}

function tick() {
  const seconds = Math.max(0, Math.ceil((ends - performance.now()) / 1000));
  const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  find("#clock").textContent = text;
  if (!seconds) { clearInterval(clock); renew(); }
}

function arm() {
  for (const element of document.querySelectorAll("button[hidden], #left")) element.hidden = false;
  for (const time of document.querySelectorAll("time")) {
    const at = new Date(time.dateTime), short = !time.closest("#receipt") && at.toDateString() === new Date().toDateString();
    time.textContent = at.toLocaleString(document.documentElement.lang, {dateStyle: short ? undefined : "medium", timeStyle: "short"});
  }
  clearInterval(clock);
  if (main().seconds > 0) {
    ends = performance.now() + main().seconds * 1000;
    clock = setInterval(tick, 1000);
    tick();
  }
  if (main().return) setTimeout(() => { top.location = main().return; }, 5000);
  if (!main().live) { source?.close(); former?.close(); }
  if (main().state) tell("state");
}

async function renew() {
  const renewal = ++renewals;
  const answer = await fetch(location.href, {cache: "no-store"}).catch(() => null);
  const html = answer?.ok && await answer.text().catch(() => "");
  if (renewal !== renewals) return; // a later one was asked for, and knows more
  if (!html) return setTimeout(renew, 3000);
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const before = find("main"), after = fresh.querySelector("main"), focus = document.activeElement;
  const inside = before.contains(focus);
  for (const id of ["address-only", "receipt", "rest"]) {
    const old = document.getElementById(id), next = fresh.getElementById(id);
    if (old && next) { next.checked ||= old.checked; next.open ||= old.open; }
  }
  before.replaceWith(after);
  document.title = fresh.title;
  arm();
  if (inside) (document.getElementById(focus.id) ?? find("#state")).focus({preventScroll: true});
  if (before.dataset.screen !== after.dataset.screen) say(find("#state > :last-child").textContent);
}

function hear(status) {
  const text = JSON.stringify(status);
  const version = [status.state, status.received, status.confirmed, status.seen, status.confirmations].join("/");
  if (last ? text !== last : version !== main().version) renew();
  last = text;
}

async function poll() {
  const answer = await fetch(`${main().live}status`, {cache: "no-store"}).catch(() => null);
  if (answer?.ok) hear(await answer.json());
  if (main().live) setTimeout(poll, document.hidden ? 20000 : 4000);
}

function listen() {
  source = new EventSource(`${main().live}events`);
  source.addEventListener("status", (event) => { hear(JSON.parse(event.data)); });
  source.onerror = () => { if (source.readyState === EventSource.CLOSED) poll(); };
  if (main().renews) watch(`../invoice/${main().renews}/events`);
}

function watch(url) { // the order's first invoice: money may still come for its price
  let known = "";
  former = new EventSource(url);
  former.addEventListener("status", ({data}) => {
    if (known && data !== known) renew();
    known = data;
  });
}

document.addEventListener("click", (event) => {
  const source = event.target.closest("[data-copy]");
  if (source) copy(source.dataset.copy);
  if (event.target.closest("#print")) print();
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape") tell("close"); });

arm();
if (main().live) (window.EventSource ? listen : poll)();
