// What the pages gain by script, and would do without: they are kept up to date, what takes long is fetched after the
// page is shown, and values can be copied.
"use strict";
(() => {
  const parser = new DOMParser();
  const main = document.querySelector("main");
  const seen = new Map(); // each part as the server last sent it
  const MOST = 300; // seconds between two looks, when nothing answers
  const UNTOUCHED = 15 * 60 * 1000; // nobody is there any more, and a session should come to its end
  let tag = "", wait = 0, timer = 0, touched = Date.now();

  const parts = (root) => root.querySelectorAll("[data-part]");
  const told = (text) => { document.getElementById("told").textContent = text; };

  function fields(root) {
    return [...root.querySelectorAll("input:not([type=hidden]), select, textarea")];
  }
  const key = (field) => [field.form?.getAttribute("action"), field.name, /checkbox|radio/.test(field.type) && field.value].join();
  const touchedBy = (field) => field.type === "select-one"
    ? [...field.options].some((one) => one.selected !== one.defaultSelected)
    : field.value !== field.defaultValue || field.checked !== field.defaultChecked;

  // Puts new content into a part, and leaves what somebody has opened, typed or reached there as it was.
  function swap(old, next) {
    const open = [...old.querySelectorAll("details[open]")].map((one) => one.id);
    const typed = new Map(fields(old).filter(touchedBy).map((one) => [key(one), one]));
    const active = old.contains(document.activeElement) ? document.activeElement : null;
    const place = active && [...old.querySelectorAll("a, button, input, select, textarea, summary")].indexOf(active);
    for (const name of old.getAttributeNames()) if (!next.hasAttribute(name)) old.removeAttribute(name);
    for (const name of next.getAttributeNames()) old.setAttribute(name, next.getAttribute(name));
    old.replaceChildren(...next.childNodes);
    for (const one of old.querySelectorAll("details")) if (open.includes(one.id)) one.open = true;
    for (const one of fields(old)) {
      const before = typed.get(key(one));
      if (before) { one.value = before.value; one.checked = before.checked; }
    }
    if (active) {
      const same = active.id && document.getElementById(active.id);
      (same || old.querySelectorAll("a, button, input, select, textarea, summary")[place])?.focus({ preventScroll: true });
    }
  }

  function take(text) {
    const next = parser.parseFromString(text, "text/html");
    const fresh = new Map([...parts(next)].map((one) => [one.dataset.part, one]));
    for (const old of parts(document)) {
      const name = old.dataset.part, one = fresh.get(name);
      // What was fetched by itself is not in the page that is looked at again.
      if (!one || (one.dataset.load && !old.dataset.load) || seen.get(name) === one.outerHTML) continue;
      seen.set(name, one.outerHTML);
      swap(old, one);
    }
    main.dataset.again = next.querySelector("main")?.dataset.again ?? "";
    document.title = next.title;
    listed(!typing);
    ready();
  }

  // What is done to all that is listed waits until the list is the one that the address asks for.
  function listed(now) {
    for (const one of document.querySelectorAll("[data-listed]")) one.disabled = !now;
  }

  async function look() {
    const asked = location.href;
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
      wait = answer.status < 500 ? 0 : Math.min(2 * (wait || again()), MOST);
    } catch {
      wait = Math.min(2 * (wait || again()), MOST);
    }
    plan();
  }

  const again = () => Number(main.dataset.again) || 0;
  function plan() {
    clearTimeout(timer);
    if (again() && !document.hidden && Date.now() - touched < UNTOUCHED) timer = setTimeout(look, 1000 * (wait || again()));
  }

  // Fetches what was left out because it takes long, once.
  async function load(part) {
    const address = part.dataset.load, meanwhile = document.querySelector("[data-meanwhile]");
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
    const source = document.querySelector(button.dataset.copy);
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
    for (const one of document.querySelectorAll("[data-copy]")) one.hidden = false;
    document.querySelectorAll("[data-load]").forEach(load);
  }

  for (const one of parts(document)) seen.set(one.dataset.part, one.outerHTML);
  document.addEventListener("click", (event) => {
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
    const form = document.getElementById("invitation");
    if (!form || !/^#[\w-]+\.[\w-]+$/.test(location.hash)) return;
    form.elements.code.value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
    form.requestSubmit();
  }
  addEventListener("hashchange", hand);
  // A list is narrowed while one types.
  let typing = 0;
  document.querySelector("[data-live]")?.addEventListener("input", (event) => {
    const asked = new URLSearchParams(new FormData(event.currentTarget));
    for (const [name, value] of [...asked]) if (!value) asked.delete(name);
    clearTimeout(typing);
    listed(false);
    typing = setTimeout(() => { typing = 0; history.replaceState(null, "", `?${asked}`); tag = ""; look(); }, 250);
  });
  // A picker finds while one types: the form is asked for what its search button would show.
  document.addEventListener("input", (event) => {
    const field = event.target.closest("[data-find]");
    if (!field) return;
    clearTimeout(typing);
    typing = setTimeout(async () => {
      const asked = new URLSearchParams(new FormData(field.form));
      asked.set("search", field.name);
      const answer = await fetch(field.form.action, { method: "POST", body: asked });
      const part = answer.ok && parser.parseFromString(await answer.text(), "text/html").querySelector(`[data-part="${field.dataset.find}"]`);
      const old = document.querySelector(`[data-part="${field.dataset.find}"]`);
      // What was ticked among those found before stays ticked.
      const ticked = [...old.querySelectorAll(":checked")].map((one) => one.closest("label"));
      if (part) { swap(old, part); old.prepend(...ticked); }
    }, 250);
  });
  // A slash leads to the search, a question mark to the keys, and a letter behind a "g" to a page.
  let led = 0;
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    const page = Date.now() - led < 1500 && document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    led = event.key === "g" ? Date.now() : 0;
    if (page) page.click();
    else if (event.key === "/") document.getElementById("find")?.focus();
    else if (event.key === "?") document.getElementById("keys")?.showModal();
    else return;
    event.preventDefault();
  });
  ready();
  plan();
  hand();
})();
