"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const settings = { responsive: true, displayModeBar: false, showTips: false };
  for (const box of document.querySelectorAll("[data-figure]")) {
    const { data, layout } = figures[box.dataset.figure];
    Plotly.newPlot(box, data, layout, settings).then(() => {
      // The picture is described by its label and by the table below it; the words inside it would only be noise.
      for (const svg of box.querySelectorAll("svg")) svg.setAttribute("aria-hidden", "true");
    });
  }
  const closed = () => document.querySelectorAll("details:not([open]):not(.hushed)");
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...closed()];
    for (const each of opened) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of opened) each.open = false;
  });
})();
