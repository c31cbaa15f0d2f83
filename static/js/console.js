// Pages work without this script. It finds elements by their data attributes and mostly listens on
// the document, so that it also covers HTML that htmx adds later.
(() => {
  "use strict";

  const root = document.documentElement;
  root.classList.add("js");

  // Screen readers read the text aloud. The focus doesn’t move.
  const announce = (text) => {
    const region = document.getElementById("announcer");
    if (!region) return;
    region.textContent = "";
    window.setTimeout(() => { region.textContent = text; }, 50);
  };

  // --- Copy buttons -------------------------------------------------------------------------

  const textToCopy = (button) => {
    // Buttons in lists have no value of their own, which would double the text of every row. They
    // copy the text before them.
    if (button.dataset.copy !== undefined) {
      return button.dataset.copy || button.previousElementSibling.textContent;
    }
    const target = document.querySelector(button.dataset.copyTarget);
    if (!target) return "";
    return "value" in target ? target.value : target.textContent;
  };

  // The clipboard API works only on https and localhost, so we fall back to a selection.
  const copyBySelection = (text) => {
    const area = document.createElement("textarea");
    area.value = text;
    area.readOnly = true;
    area.className = "visually-hidden";
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  };

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return copyBySelection(text);
    }
  };

  // The text stays in the browser: a link to a file with a secret would be a way to read it.
  const download = (name, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy], [data-copy-target]");
    if (!button) return;
    if (button.dataset.download) {
      download(button.dataset.download, textToCopy(button));
      return;
    }
    const copied = await copy(textToCopy(button));
    announce(copied ? "Copied" : "Copying failed. Select the text and copy it with the keyboard.");
    if (!copied) return;
    if (document.activeElement === document.body) button.focus();
    button.classList.add("is-copied");
    window.setTimeout(() => button.classList.remove("is-copied"), 1800);
  });

  // --- Errors of requests that load no new page ------------------------------------------------

  const showError = (place, text) => {
    place.querySelector("[data-error]")?.remove();
    const message = document.createElement("div");
    message.className = "alert alert--danger";
    message.dataset.error = "";
    message.setAttribute("role", "alert");
    message.textContent = text;
    place.prepend(message);
  };

  // django-allauth's script dispatches this when the browser times out or the person cancels.
  document.addEventListener("allauth.error", (event) => {
    const form = document.querySelector("#main form.form");
    if (!form) return;
    event.preventDefault();
    showError(form, "Your key didn’t respond, or you canceled. Try again.");
  });

  // --- One submit per form ------------------------------------------------------------------

  const submitButtons = (form) =>
    [...form.elements].filter((element) => element.matches("button:not([type=button]), input[type=submit]"));

  const setBusy = (form, busy) => {
    form.toggleAttribute("data-submitting", busy);
    for (const button of submitButtons(form)) {
      button.classList.toggle("is-busy", busy);
      // With `disabled`, the button would lose the focus, and the browser wouldn't send its value.
      if (busy) button.setAttribute("aria-disabled", "true");
      else button.removeAttribute("aria-disabled");
    }
  };

  // --- Submitting a form while the server updates a part of it ---------------------------------

  // A form submitted while the server adds an app would lack that app, so we submit it once the list
  // arrives. If the server refuses the app or doesn't respond, we don't submit it and say so.
  let waiting = null;

  const isChanging = (form) => form.querySelector(".htmx-request") !== null;

  const submitWhenChanged = (form, submitter) => {
    waiting = { form, submitter };
    setBusy(form, true);
    announce("We’re updating the list of apps, then we submit the form.");
  };

  const stopWaiting = () => {
    const stopped = waiting;
    waiting = null;
    if (stopped) setBusy(stopped.form, false);
    return stopped;
  };

  document.addEventListener("htmx:afterSettle", () => {
    if (!waiting || isChanging(waiting.form)) return;
    const { form, submitter } = stopWaiting();
    const refused = form.querySelector("[data-live] .field--invalid input");
    if (!refused) {
      form.requestSubmit(submitter);
      return;
    }
    refused.focus();
    announce("We didn’t submit the form.");
  });

  const showFailure = (event, text) => {
    showError(event.detail.target, stopWaiting() ? `${text} We didn’t submit the form.` : text);
  };
  const UNEXPECTED = "The server didn’t respond as expected, and nothing changed. Try again.";

  document.addEventListener("htmx:sendError", (event) => showFailure(event, UNEXPECTED));

  document.addEventListener("htmx:responseError", (event) => {
    const { xhr } = event.detail;
    const isMessage = xhr.getResponseHeader("Content-Type")?.startsWith("text/plain");
    showFailure(event, isMessage ? xhr.responseText : UNEXPECTED);
  });

  // htmx would replace the part with nothing if the answer is a page without it.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { detail } = event;
    const selector = detail.requestConfig.elt.closest("[hx-select]")?.getAttribute("hx-select");
    if (!detail.shouldSwap || !selector) return;
    const answer = new DOMParser().parseFromString(detail.serverResponse, "text/html");
    if (answer.querySelector(selector)) return;
    detail.shouldSwap = false;
    showFailure(event, UNEXPECTED);
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.hasAttribute("data-allow-resubmit")) return;
    if (form.hasAttribute("data-submitting")) {
      event.preventDefault();
      return;
    }
    if (isChanging(form)) {
      event.preventDefault();
      submitWhenChanged(form, event.submitter);
      return;
    }
    setBusy(form, true);
    // After a download, the browser stays on this page.
    window.setTimeout(() => setBusy(form, false), 10000);
  });

  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form[data-submitting]").forEach((form) => setBusy(form, false));
  });

  // --- Opening a notice marks it as read ------------------------------------------------------

  document.addEventListener("click", (event) => {
    const form = document.getElementById(event.target.closest("[data-reads]")?.dataset.reads);
    // The browser leaves this page before the server responds, so the request needs `keepalive`.
    if (form) fetch(form.action, { method: "POST", body: new FormData(form), keepalive: true, redirect: "manual" });
  });

  // --- Enter in a field presses that field's button -------------------------------------------

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    const selector = event.target.dataset?.enterClicks;
    const button = selector && document.querySelector(selector);
    if (!button) return;
    event.preventDefault();
    button.click();
  });

  // --- Blocks that depend on a choice --------------------------------------------------------

  const valuesOf = (form, name) =>
    [...form.querySelectorAll(`[name="${CSS.escape(name)}"]`)]
      .filter((control) => !control.matches("[type=radio], [type=checkbox]") || control.checked)
      .map((control) => control.value);

  const applyReveals = () => {
    for (const block of document.querySelectorAll("[data-shown-when]")) {
      const [name, wanted] = block.dataset.shownWhen.split("=");
      const values = valuesOf(block.closest("form") ?? document, name);
      block.hidden = !wanted.split("|").some((value) => values.includes(value));
    }
    for (const control of document.querySelectorAll("[data-reveals]")) {
      const block = document.querySelector(control.dataset.reveals);
      if (block) block.hidden = !control.checked;
    }
  };

  document.addEventListener("change", applyReveals);

  // --- A field that filters a list of choices -------------------------------------------------

  const filterChoices = (list, text) => {
    const words = text.toLowerCase().split(/\s+/);
    const choices = [...list.querySelectorAll(".choice")];
    for (const choice of choices) {
      const found = `${choice.textContent} ${choice.querySelector("input").value}`.toLowerCase();
      choice.hidden = !words.every((word) => found.includes(word));
    }
    for (const group of list.querySelectorAll("[role=group]")) {
      group.hidden = !group.querySelector(".choice:not([hidden])");
    }
    announce(`${choices.filter((choice) => !choice.hidden).length} shown`);
  };

  document.addEventListener("input", (event) => {
    const list = document.querySelector(event.target.dataset.filters ?? null);
    if (list) filterChoices(list, event.target.value);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches?.("[data-filters]")) event.preventDefault();
  });

  // --- Code tabs: exclusive <details> become tabs ---------------------------------------------

  const select = (tabs, index) => {
    const buttons = [...tabs.querySelectorAll("[role=tab]")];
    const panels = [...tabs.querySelectorAll("[role=tabpanel]")];
    buttons.forEach((button, at) => {
      button.setAttribute("aria-selected", String(at === index));
      button.tabIndex = at === index ? 0 : -1;
      panels[at].hidden = at !== index;
    });
  };

  const moveBetweenTabs = (tabs, event) => {
    const buttons = [...tabs.querySelectorAll("[role=tab]")];
    const at = buttons.indexOf(event.target);
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (at < 0 || next === undefined) return;
    event.preventDefault();
    const index = (next + buttons.length) % buttons.length;
    select(tabs, index);
    buttons[index].focus();
  };

  let tabsMade = 0;

  const makeTab = (tabs, details, index) => {
    const id = `tab-${(tabsMade += 1)}`;
    const button = document.createElement("button");
    const panel = document.createElement("div");
    button.type = "button";
    button.id = id;
    button.textContent = details.querySelector("summary").textContent.trim();
    button.setAttribute("role", "tab");
    button.setAttribute("aria-controls", `${id}-panel`);
    button.addEventListener("click", () => select(tabs, index));
    panel.id = `${id}-panel`;
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", id);
    panel.append(...[...details.children].filter((child) => !child.matches("summary")));
    details.replaceWith(panel);
    return button;
  };

  const enhanceTabs = (tabs) => {
    const all = [...tabs.querySelectorAll(":scope > details")];
    if (!all.length) return;
    const opened = Math.max(0, all.findIndex((details) => details.open));
    const list = document.createElement("div");
    list.className = "code-tabs__list";
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-label", tabs.getAttribute("aria-label") ?? "Examples");
    list.append(...all.map((details, index) => makeTab(tabs, details, index)));
    list.addEventListener("keydown", (event) => moveBetweenTabs(tabs, event));
    tabs.removeAttribute("aria-label");
    tabs.prepend(list);
    select(tabs, opened);
  };

  // --- Choices that the browser keeps for a year, in cookies ------------------------------------

  const remember = (choice, value) => {
    const isSecure = window.location.protocol === "https:";
    const name = isSecure ? `__Host-${choice}` : choice;
    const secure = isSecure ? "; secure" : "";
    document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=lax${secure}`;
  };

  // --- Search over any page: Ctrl-K, or the slash unless someone turned it off -------------------

  // Pages have only the link. The dialog is here, because it needs this script anyway.
  const SEARCH_DIALOG = `
    <dialog class="palette" aria-label="Search">
      <form role="search" data-allow-resubmit>
        <input type="search" name="q" maxlength="100" autocomplete="off" spellcheck="false" aria-label="Search"
          placeholder="Labels, jti, apps, client IDs, people, request IDs, docs"
          hx-trigger="input changed delay:120ms" hx-sync="this:replace" hx-target="next .palette__results">
        <button type="button" class="button button--ghost button--small" data-closes-search>Close</button>
      </form>
      <div class="palette__results"></div>
      <p class="palette__foot">
        <span><kbd>↑</kbd> <kbd>↓</kbd> to move, <kbd>Enter</kbd> to open</span>
        <button type="button" class="button button--link" data-slash-shortcut></button>
      </p>
    </dialog>`;
  const searchLink = document.querySelector("[data-opens-search]");
  const isTyping = (target) => target.closest?.("input, textarea, select, [contenteditable]") !== null;
  const usesSlash = () => !/(?:^|; )(?:__Host-)?slash=off(?:;|$)/.test(document.cookie);
  let search = null;

  const moveBetweenResults = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const places = [search.querySelector("input"), ...search.querySelectorAll(".results a")];
    const at = places.indexOf(document.activeElement);
    places[(at + step + places.length) % places.length].focus();
  };

  // Enter opens the first result, unless the results are still those of an earlier text.
  const openFirstResult = (event) => {
    const { value } = search.querySelector("input");
    const results = search.querySelector(".results");
    const first = results?.querySelector("a");
    if (!first || results.dataset.resultsOf !== value.trim()) return;
    event.preventDefault();
    first.click();
  };

  const markSlash = () => {
    const text = usesSlash() ? "Turn off the / shortcut" : "Turn on the / shortcut";
    search.querySelector("[data-slash-shortcut]").textContent = text;
  };

  const makeSearch = () => {
    search = new DOMParser().parseFromString(SEARCH_DIALOG, "text/html").querySelector("dialog");
    const form = search.querySelector("form");
    form.action = searchLink.pathname;
    // The environment of the switch in the header.
    for (const [name, value] of new URL(searchLink.href).searchParams) {
      const kept = document.createElement("input");
      Object.assign(kept, { type: "hidden", name, value });
      form.append(kept);
    }
    search.querySelector("input").setAttribute("hx-get", searchLink.getAttribute("href"));
    search.addEventListener("keydown", moveBetweenResults);
    form.addEventListener("submit", openFirstResult);
    search.querySelector("[data-closes-search]").addEventListener("click", () => search.close());
    search.querySelector("[data-slash-shortcut]").addEventListener("click", () => {
      remember("slash", usesSlash() ? "off" : "on");
      markSlash();
    });
    // A click beside the dialog is a click on the dialog itself.
    search.addEventListener("click", (event) => { if (event.target === search) search.close(); });
    document.body.append(search);
    window.htmx.process(search);
    markSlash();
  };

  const openSearch = () => {
    if (!search) makeSearch();
    if (search.open) return;
    search.showModal();
    search.querySelector("input").select();
  };

  if (searchLink) {
    searchLink.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      openSearch();
    });
    document.addEventListener("keydown", (event) => {
      const isCtrlK = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k";
      const isSlash = event.key === "/" && usesSlash() && !isTyping(event.target);
      if (!isCtrlK && (!isSlash || event.ctrlKey || event.metaKey || event.altKey)) return;
      event.preventDefault();
      openSearch();
    });
  }

  // --- User menu -----------------------------------------------------------------------------

  const enhanceUserMenu = (menu) => {
    const toggle = menu.querySelector("details");
    const summary = menu.querySelector("summary");
    const items = [...menu.querySelectorAll(".user-menu__item")];
    let closing = 0;
    let openedByHover = false;

    const set = (open) => {
      window.clearTimeout(closing);
      toggle.open = open;
      summary.setAttribute("aria-expanded", String(open));
      if (!open) openedByHover = false;
    };

    toggle.addEventListener("toggle", () => summary.setAttribute("aria-expanded", String(toggle.open)));
    summary.setAttribute("aria-expanded", "false");

    menu.addEventListener("pointerenter", (event) => {
      if (event.pointerType !== "mouse") return;
      window.clearTimeout(closing);
      if (toggle.open) return;
      set(true);
      openedByHover = true;
    });

    menu.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "mouse" || !openedByHover) return;
      closing = window.setTimeout(() => set(false), 220);
    });

    // If the menu opened on hover, the first click keeps it open instead of closing it.
    summary.addEventListener("click", (event) => {
      if (!openedByHover) return;
      event.preventDefault();
      openedByHover = false;
    });

    menu.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !menu.contains(event.relatedTarget)) set(false);
    });

    document.addEventListener("pointerdown", (event) => {
      if (toggle.open && !menu.contains(event.target)) set(false);
    });

    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !toggle.open) return;
      const hadFocus = menu.contains(document.activeElement);
      set(false);
      if (hadFocus) summary.focus();
    });

    menu.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      set(true);
      const at = items.indexOf(document.activeElement);
      const next = at < 0 && step < 0 ? items.length - 1 : (at + step + items.length) % items.length;
      items[next].focus();
    });
  };

  // --- Theme: a cookie, so that the server sends the right theme and the page doesn't flash ----

  const markTheme = (theme) => {
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
    }
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (!button) return;
    const theme = button.dataset.themeChoice;
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
    remember("theme", theme);
    markTheme(theme);
  });

  // --- A checkbox that selects all checkboxes of one name in its form --------------------------

  const boxesOf = (all) => [...all.form.querySelectorAll(`[name="${all.dataset.checks}"]`)];

  document.addEventListener("change", (event) => {
    const all = event.target.form?.querySelector("[data-checks]");
    if (!all) return;
    const boxes = boxesOf(all);
    if (event.target === all) boxes.forEach((box) => { box.checked = all.checked; });
    const checked = boxes.filter((box) => box.checked).length;
    all.checked = boxes.length > 0 && checked === boxes.length;
    all.indeterminate = checked > 0 && checked < boxes.length;
  });

  // --- At the start, and after each change by htmx ---------------------------------------------

  const enhance = () => {
    document.querySelectorAll("[data-tabs]").forEach(enhanceTabs);
    applyReveals();
  };

  document.querySelectorAll("[data-user-menu]").forEach(enhanceUserMenu);
  markTheme(root.dataset.theme ?? "system");
  enhance();
  // The list of pages is longer than the window, so show the current one.
  const pages = document.querySelector(".docs-nav__pages");
  const current = pages?.querySelector("[aria-current]");
  if (current) pages.scrollTop = current.offsetTop - pages.offsetTop - pages.clientHeight / 3;
  // The first invalid field of a form can be far down, so move the focus there.
  document.querySelector("main [aria-invalid=true]")?.focus();
  document.addEventListener("htmx:afterSettle", enhance);
})();
