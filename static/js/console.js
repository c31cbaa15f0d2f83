// Small conveniences on top of pages that work without them. No framework, no inline handlers:
// everything is found by data attributes and most of it is delegated, so swapped-in HTML works too.
(() => {
  "use strict";

  const root = document.documentElement;
  root.classList.add("js");

  // Says something to screen readers without moving the focus.
  const announce = (text) => {
    const region = document.getElementById("announcer");
    if (!region) return;
    region.textContent = "";
    window.setTimeout(() => { region.textContent = text; }, 50);
  };

  // --- Copy buttons -------------------------------------------------------------------------

  const textToCopy = (button) => {
    // Without a value it is the text beside the button, which lists would say twice in each row.
    if (button.dataset.copy !== undefined) {
      return button.dataset.copy || button.previousElementSibling.textContent;
    }
    const target = document.querySelector(button.dataset.copyTarget);
    if (!target) return "";
    return "value" in target ? target.value : target.textContent;
  };

  // The clipboard API needs a secure context; a selection and execCommand do not.
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

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy], [data-copy-target]");
    if (!button) return;
    const copied = await copy(textToCopy(button));
    announce(copied ? "Copied" : "Copying failed. Select the text and copy it by keyboard.");
    if (!copied) return;
    if (document.activeElement === document.body) button.focus();
    button.classList.add("is-copied");
    window.setTimeout(() => button.classList.remove("is-copied"), 1800);
  });

  // --- Passkeys and security keys ------------------------------------------------------------

  // django-allauth's script dispatches this when the browser gave up, or the person did.
  document.addEventListener("allauth.error", (event) => {
    const form = document.querySelector("#main form.form");
    if (!form) return;
    event.preventDefault();
    form.querySelector("[data-key-error]")?.remove();
    const message = document.createElement("div");
    message.className = "alert alert--danger";
    message.dataset.keyError = "";
    message.setAttribute("role", "alert");
    message.textContent = "The key did not answer, or you stopped. Try again.";
    form.prepend(message);
  });

  // --- One submit per form ------------------------------------------------------------------

  const submitButtons = (form) =>
    [...form.elements].filter((element) => element.matches("button:not([type=button]), input[type=submit]"));

  const setBusy = (form, busy) => {
    form.toggleAttribute("data-submitting", busy);
    for (const button of submitButtons(form)) {
      button.classList.toggle("is-busy", busy);
      // aria-disabled rather than disabled: the focus stays and the pressed button's value is still sent.
      if (busy) button.setAttribute("aria-disabled", "true");
      else button.removeAttribute("aria-disabled");
    }
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.hasAttribute("data-allow-resubmit")) return;
    if (form.hasAttribute("data-submitting")) {
      event.preventDefault();
      return;
    }
    setBusy(form, true);
    // An answer that is a download leaves the page in place.
    window.setTimeout(() => setBusy(form, false), 10000);
  });

  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form[data-submitting]").forEach((form) => setBusy(form, false));
  });

  // --- Following a notice reads it -----------------------------------------------------------

  document.addEventListener("click", (event) => {
    const form = document.getElementById(event.target.closest("[data-reads]")?.dataset.reads);
    // `keepalive`: the page is left before the answer is there, and nobody waits for it.
    if (form) fetch(form.action, { method: "POST", body: new FormData(form), keepalive: true, redirect: "manual" });
  });

  // --- Enter in one field presses the button that belongs to it ------------------------------

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

  // --- Code tabs: exclusive <details> become a tab list --------------------------------------

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

    // The first click on a menu that hovering opened keeps it open instead of closing it.
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

  // --- Theme: a cookie, so that the server can say it in the first byte and nothing flashes ---

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
    const secure = window.location.protocol === "https:" ? "; secure" : "";
    document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax${secure}`;
    markTheme(theme);
  });

  // --- One box that checks all of a name in its form -------------------------------------------

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

  // --- Start, and again for whatever htmx swaps in --------------------------------------------

  const enhance = () => {
    document.querySelectorAll("[data-tabs]").forEach(enhanceTabs);
    applyReveals();
  };

  document.querySelectorAll("[data-user-menu]").forEach(enhanceUserMenu);
  markTheme(root.dataset.theme ?? "system");
  enhance();
  document.addEventListener("htmx:afterSettle", enhance);
})();
