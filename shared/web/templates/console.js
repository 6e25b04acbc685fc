// What the pages gain by script, and would do without: they are kept up to date, what takes long is fetched after the
// page is shown, and values can be copied.
"use strict";
(() => {
  const first = (what, root = document) => root.querySelector(what);
  const every = (what, root = document) => [...root.querySelectorAll(what)];
  const parse = (text) => new DOMParser().parseFromString(text, "text/html");
  const main = first("main");
  const seen = new Map(); // each part as the server last sent it
  const MOST = 300; // seconds between two looks, when nothing answers
  const UNTOUCHED = 15 * 60e3; // nobody is there any more, and a session should come to its end
  let tag = "", wait = 0, timer = 0, touched = Date.now();

  const parts = (root) => every("[data-part]", root);
  const fields = (root) => every("input:not([type=hidden]), select, textarea", root);
  const reached = (root) => every("a, button, input, select, textarea, summary", root);
  const told = (text) => { first("#told").textContent = text; };

  const key = (field) => [field.form?.getAttribute("action"), field.name, /checkbox|radio/.test(field.type) && field.value].join();
  const touchedBy = (field) => field.type === "select-one"
    ? [...field.options].some((one) => one.selected !== one.defaultSelected)
    : field.value !== field.defaultValue || field.checked !== field.defaultChecked;

  // Puts new content into a part, and leaves what somebody has opened, typed or reached there as it was.
  function swap(old, next) {
    const open = every("details[open]", old).map((one) => one.id);
    const typed = new Map(fields(old).filter(touchedBy).map((one) => [key(one), one]));
    const active = old.contains(document.activeElement) ? document.activeElement : null;
    const place = active && reached(old).indexOf(active);
    for (const name of old.getAttributeNames()) if (!next.hasAttribute(name)) old.removeAttribute(name);
    for (const name of next.getAttributeNames()) old.setAttribute(name, next.getAttribute(name));
    old.replaceChildren(...next.childNodes);
    for (const one of every("details", old)) one.open ||= open.includes(one.id);
    for (const one of fields(old)) {
      const before = typed.get(key(one));
      if (before) { one.value = before.value; one.checked = before.checked; }
    }
    if (active) {
      ((active.id && document.getElementById(active.id)) || reached(old)[place])?.focus({ preventScroll: true });
    }
  }

  function take(text) {
    const next = parse(text);
    const fresh = new Map(parts(next).map((one) => [one.dataset.part, one]));
    for (const old of parts()) {
      const name = old.dataset.part, one = fresh.get(name);
      // What was fetched by itself is not in the page that is looked at again.
      if (!one || (one.dataset.load && !old.dataset.load) || seen.get(name) === one.outerHTML) continue;
      seen.set(name, one.outerHTML);
      swap(old, one);
    }
    main.dataset.again = first("main", next)?.dataset.again ?? "";
    document.title = next.title;
    listed(!typing);
    ready();
  }

  // What is done to all that is listed waits until the list is the one that the address asks for.
  const listed = (now) => every("[data-listed]").forEach((one) => { one.disabled = !now; });

  async function look() {
    const asked = location.href;
    let failed = true;
    clearTimeout(timer);
    try {
      const answer = await fetch(asked, { cache: "no-store", headers: tag ? { "If-None-Match": tag } : {} });
      const text = await answer.text();
      // A newer one is on its way.
      if (asked !== location.href) return;
      if (answer.ok) {
        tag = answer.headers.get("ETag") ?? "";
        take(text);
      } else if (answer.status !== 304 && answer.status < 500) {
        main.dataset.again = "";
        return told("This page no longer updates. Reload it.");
      }
      failed = answer.status >= 500;
    } catch { /* Nobody answers. */ }
    wait = failed ? Math.min(2 * (wait || again()), MOST) : 0;
    plan();
  }

  const again = () => Number(main.dataset.again) || 0;
  function plan() {
    clearTimeout(timer);
    if (again() && !document.hidden && Date.now() - touched < UNTOUCHED) timer = setTimeout(look, 1000 * (wait || again()));
  }

  // Fetches what was left out because it takes long, once.
  async function load(part) {
    const address = part.dataset.load, meanwhile = first("[data-meanwhile]");
    delete part.dataset.load;
    if (meanwhile) meanwhile.textContent = meanwhile.dataset.meanwhile;
    try {
      let answer = await fetch(address, { cache: "no-store" });
      // A worker is looking, and the page says after how many seconds to ask again.
      for (let wait; answer.ok && (wait = Number(answer.headers.get("Refresh"))); ) {
        await new Promise((done) => setTimeout(done, 1000 * wait));
        answer = await fetch(address, { cache: "no-store" });
      }
      if (!answer.ok) throw answer;
      take(await answer.text());
    } catch {
      part.removeAttribute("aria-busy");
      if (meanwhile) meanwhile.textContent = "The tenant could not be checked. Reload this page.";
    }
  }

  async function copy(button) {
    const source = first(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      told("Copied");
    } catch {
      getSelection().selectAllChildren(source);
      told("Selected: press Ctrl and C to copy");
    }
    setTimeout(told, 3000, "");
  }

  function ready() {
    for (const one of every("[data-copy]")) one.hidden = false;
    every("[data-load]").forEach(load);
  }

  for (const one of parts()) seen.set(one.dataset.part, one.outerHTML);
  addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : again() && look()));
  for (const kind of ["pointerdown", "keydown", "scroll"]) addEventListener(kind, () => {
    const away = Date.now() - touched >= UNTOUCHED;
    touched = Date.now();
    if (away) plan();
  }, { passive: true });
  // What stands behind the “#” of an invitation's link is sent to nobody, so it is handed in from here.
  function hand() {
    const form = first("#invitation");
    if (!form || !/^#[\w-]+\.[\w-]+$/.test(location.hash)) return;
    form.elements.code.value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
    form.requestSubmit();
  }
  addEventListener("hashchange", hand);
  // A list is narrowed while one types.
  let typing = 0;
  first("[data-live]")?.addEventListener("input", (event) => {
    const asked = new URLSearchParams(new FormData(event.currentTarget));
    for (const [name, value] of [...asked]) if (!value) asked.delete(name);
    clearTimeout(typing);
    listed(false);
    typing = setTimeout(() => { typing = 0; history.replaceState(null, "", `?${asked}`); tag = ""; look(); }, 250);
  });
  // A picker finds while one types: the form is asked for what its search button would show.
  addEventListener("input", (event) => {
    const field = event.target.closest("[data-find]");
    if (!field) return;
    clearTimeout(typing);
    typing = setTimeout(async () => {
      const asked = new URLSearchParams(new FormData(field.form));
      asked.set("search", field.name);
      const answer = await fetch(field.form.action, { method: "POST", body: asked });
      const found = `[data-part="${field.dataset.find}"]`, old = first(found);
      const part = answer.ok && first(found, parse(await answer.text()));
      // What was ticked among those found before stays ticked.
      const ticked = every(":checked", old).map((one) => one.closest("label"));
      if (part) { swap(old, part); old.prepend(...ticked); }
    }, 250);
  });
  // A slash leads to the search, a question mark to the keys, and a letter behind a "g" to a page.
  let led = 0;
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    const page = Date.now() - led < 1500 && first(`[data-key="${CSS.escape(event.key)}"]`);
    led = event.key === "g" ? Date.now() : 0;
    if (page) page.click();
    else if (event.key === "/") first("#find")?.focus();
    else if (event.key === "?") first("#keys")?.showModal();
    else return;
    event.preventDefault();
  });
  ready();
  plan();
  hand();
})();
