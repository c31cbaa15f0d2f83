"""Checks the accessibility of a page with axe, and that nothing on it is too wide."""

from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import Page

# Measuring contrast takes most of axe's time, and the same few looks make up every page: colors,
# size and what lies below. So axe measures a look until it passes, and then takes it as known.
REMEMBER_LOOKS = """
(() => {
  const surfaces = new Map();
  const surfaceBelow = (element) => {
    if (!element) return "";
    if (!surfaces.has(element)) {
      const {backgroundColor, backgroundImage, opacity} = getComputedStyle(element);
      const own = [backgroundColor, backgroundImage, opacity].join();
      const below = surfaceBelow(element.parentElement);
      surfaces.set(element, own === "rgba(0, 0, 0, 0),none,1" ? below : `${below} ${own}`);
    }
    return surfaces.get(element);
  };
  const lookOf = (element) => {
    const {color, fontSize, fontWeight, textShadow} = getComputedStyle(element);
    return [color, fontSize, fontWeight, textShadow, surfaceBelow(element)].join();
  };
  const check = axe._audit.checks["color-contrast"];
  const measure = check.evaluate;
  check.evaluate = function (element, ...rest) {
    const look = lookOf(element);
    const passes = axe.looks.has(look) || measure.call(this, element, ...rest);
    if (passes === true) axe.looks.add(look);
    return passes;
  };
  axe.startWith = (looks) => {
    surfaces.clear();
    axe.looks = new Set(looks);
  };
})()
"""
# Pages have no frames and no media, so axe doesn't have to look for them. Chromium applies a new
# size or color scheme in its next frame, and axe would measure colors that are still changing.
EXAMINE = """
async ([options, looks]) => {
  await new Promise(requestAnimationFrame);
  document.getAnimations().filter((it) => it instanceof CSSTransition).forEach((it) => it.finish());
  axe.startWith(looks);
  const {violations} = await axe.run({
    resultTypes: ["violations"], preload: false, iframes: false, ...options,
  });
  const root = document.documentElement;
  const wider = [root, ...document.querySelectorAll(".panel")]
    .filter((box) => box.scrollWidth > box.clientWidth)
    .map((box) => `${box.localName} ${box.innerText.slice(0, 40)}`);
  return {violations, wider, looks: [...axe.looks]};
}
"""

_passed_looks = list[str]()


def assert_accessible(page: Page, where: str, **options: object) -> None:
    """Assert that axe finds nothing, and that nothing overflows the window or a panel.

    The options are those of `axe.run`.
    """
    # It stays loaded, so that a second run in another size is faster.
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
        page.evaluate(REMEMBER_LOOKS)
    found = page.evaluate(EXAMINE, [options, _passed_looks])
    _passed_looks[:] = found["looks"]
    results = AxeResults(found)
    assert not results.violations_count, f"{where}: {results.generate_report()}"
    assert found["wider"] == [], f"{where} has boxes whose contents are wider than they are"
