// The clock of the story: what the page takes for now is the story's time, at the
// story's pace, and a badge says so. Only "gridpatrol demo --story" serves this.
(() => {
  const Life = Date;
  let at = { life: performance.now(), story: Life.now(), pace: 1 };
  const now = () => Math.round(at.story + (performance.now() - at.life) * at.pace);
  globalThis.Date = class Date extends Life {
    constructor(...parts) {
      if (parts.length === 0) super(now());
      else super(...parts);
    }
    static now() {
      return now();
    }
  };

  const badge = document.createElement("div");
  badge.id = "story-clock";
  badge.setAttribute("role", "status");
  badge.setAttribute("aria-live", "off");
  Object.assign(badge.style, {
    position: "fixed", left: "50%", bottom: "46px", transform: "translateX(-50%)", zIndex: "50", padding: "6px 14px", borderRadius: "6px",
    background: "rgba(10, 14, 20, 0.9)", color: "#f2f5f8", border: "1px solid #58677a", font: "600 15px/1.4 system-ui, sans-serif",
    fontVariantNumeric: "tabular-nums", whiteSpace: "nowrap", pointerEvents: "none",
  });
  const two = (n) => String(n).padStart(2, "0");
  let scene = { zh: "", en: "" };
  const draw = () => {
    const t = new Life(now());
    const text = (document.documentElement.lang || "zh").startsWith("en") ? scene.en : scene.zh;
    badge.textContent = `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}${at.pace > 1 ? ` ×${Math.round(at.pace)}` : ""}  ${text}`;
    badge.hidden = text === "";
    if (!badge.isConnected && document.body) document.body.append(badge);
  };
  const ask = async () => {
    try {
      const asked = performance.now();
      const answer = await fetch(`/story/clock?at=${encodeURIComponent(location.pathname)}`);
      const said = await answer.json();
      at = { life: (asked + performance.now()) / 2, story: said.now, pace: said.pace };
      scene = said.scene;
    } catch {
      // The story is over; its clock goes on as in life.
      at = { life: performance.now(), story: now(), pace: 1 };
    }
    setTimeout(ask, 500);
  };
  void ask();
  setInterval(draw, 100);
})();
