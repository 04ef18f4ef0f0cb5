// kennel.js: opens Kennel's checkout over a shop's page.
//
//   kennel.open(payUrl, {onState(state, invoice) { ... }, onClose(state) { ... }});
//
// On a small screen the browser goes to the page instead.
(() => {
  const home = new URL(document.currentScript.src);
  const SMALL = 640;

  function frameOf(url) {
    const frame = document.createElement("iframe");
    url.searchParams.set("origin", location.origin);
    Object.assign(frame, {src: url.href, title: "Dogecoin checkout", allow: "clipboard-write"});
    Object.assign(frame.style, {border: "0", width: "100%", flex: "1"});
    return frame;
  }

  function dialogAround(frame, label) {
    const dialog = document.createElement("dialog"), close = document.createElement("button");
    dialog.setAttribute("aria-label", frame.title);
    Object.assign(dialog.style, {
      padding: "0", border: "0", borderRadius: "12px", overflow: "hidden", position: "fixed", inset: "0", margin: "auto",
      width: "min(30rem, 96vw)", height: "min(52rem, 94vh)", display: "flex", flexDirection: "column",
    });
    close.type = "button";
    close.textContent = "\u00d7";
    close.setAttribute("aria-label", label);
    Object.assign(close.style, {
      position: "absolute", insetBlockStart: "8px", insetInlineEnd: "8px", width: "44px", height: "44px", minHeight: "0", margin: "0",
      padding: "0", font: "28px/1 sans-serif", color: "#000", background: "#fff", border: "1px solid #000", borderRadius: "50%",
      cursor: "pointer",
    });
    close.addEventListener("click", () => dialog.close());
    dialog.append(frame, close);
    return dialog;
  }

  // Returns the dialog, or null where the browser goes to the page. What is appended to the dialog stands below the
  // checkout. `closeLabel` names the button that closes it.
  function open(payUrl, {onState, onClose, closeLabel = "Close"} = {}) {
    const url = new URL(payUrl, home);
    if (url.origin !== home.origin) throw new TypeError(`${url.origin} is not ${home.origin}, where kennel.js is from`);
    if (innerWidth < SMALL) {
      location.assign(url);
      return null;
    }
    const frame = frameOf(url), dialog = dialogAround(frame, closeLabel);
    let last = "";

    function hear(event) {
      if (event.origin !== home.origin || event.source !== frame.contentWindow) return;
      if (event.data?.kennel === "close") dialog.close();
      if (event.data?.kennel === "state" && event.data.state !== last) {
        last = event.data.state;
        onState?.(last, event.data.invoice);
      }
    }

    addEventListener("message", hear);
    dialog.addEventListener("close", () => {
      removeEventListener("message", hear);
      dialog.remove();
      onClose?.(last);
    });
    document.body.append(dialog);
    dialog.showModal();
    return dialog;
  }

  window.kennel = {open};
})();
