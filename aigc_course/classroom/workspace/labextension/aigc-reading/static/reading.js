// A prebuilt JupyterLab extension, small enough to be written without a bundler: a module
// container with one plugin that asks nothing of other modules.
//
// JupyterLab draws an output's image without the alternative text that stands in the output's
// metadata, so a reader with a screen reader gets nothing; and it lets a line of prose run
// across the whole window.
var _JUPYTERLAB = _JUPYTERLAB || {};
_JUPYTERLAB["aigc-reading"] = (() => {
  const LINE = "44em"; // about 44 Chinese characters
  const PROSE = ["p", "ul", "ol", "blockquote", "details"];
  const RULES = PROSE.map((tag) => `.jp-MarkdownCell .jp-RenderedMarkdown > ${tag}`).join(", ");

  const describe = (area) => {
    area.widgets.forEach((shown, index) => {
      const about = Object.values(area.model?.get(index)?.metadata ?? {});
      const alt = about.map((entry) => entry?.alt).find((text) => typeof text === "string");
      if (!alt) return;
      for (const image of shown.node.querySelectorAll("img")) image.alt = alt;
    });
  };

  const plugin = {
    id: "aigc-reading:plugin",
    description: "Alternative text of pictures, and the length of lines.",
    autoStart: true,
    activate: (app) => {
      const style = document.createElement("style");
      style.textContent = `${RULES} { max-width: ${LINE}; }`;
      document.head.append(style);

      const all = () => {
        for (const panel of app.shell.widgets("main")) {
          for (const cell of panel.content?.widgets ?? []) {
            if (cell.outputArea) describe(cell.outputArea);
          }
        }
      };
      let waiting = false;
      new MutationObserver(() => {
        if (waiting || !document.querySelector(".jp-OutputArea img:not([alt])")) return;
        waiting = true;
        requestAnimationFrame(() => {
          waiting = false;
          all();
        });
      }).observe(document.body, { childList: true, subtree: true });
    },
  };

  return {
    init: () => {},
    get: async () => () => ({ __esModule: true, default: plugin }),
  };
})();
