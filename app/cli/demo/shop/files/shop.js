// The shop's page: it orders, opens the checkout over itself, and lets the demo's wallet pay.
const find = (selector) => document.querySelector(selector);

async function post(path) {
  const answer = await fetch(path, {method: "POST", keepalive: true});
  if (!answer.ok) throw new Error(`The shop has answered with ${answer.status}. Try again.`);
  return answer.json();
}

function hear(state) {
  const line = document.createElement("li");
  line.textContent = `${new Date().toLocaleTimeString()} ${state}`;
  find("#heard").append(line);
  find("#story").hidden = false;
}

function walletFor(order) {
  const wallet = document.createElement("p"), pay = document.createElement("button");
  wallet.className = "wallet";
  pay.id = "pay";
  pay.type = "button";
  pay.textContent = `Pay ${order.total} DOGE`;
  pay.addEventListener("click", async () => {
    pay.disabled = true;
    pay.textContent = "Paying …";
    const payment = await post(`/orders/${order.number}/payment`).catch(() => ({}));
    pay.textContent = payment.txid ? "Sent" : "The wallet could not pay";
  });
  wallet.append("The demo’s wallet ", pay);
  return wallet;
}

async function buy() {
  const order = await post("/orders");
  find("#heard").replaceChildren();
  const dialog = kennel.open(order.pay_url, {
    onState: hear,
    onClose(state) { if (["seen", "detected", "confirmed"].includes(state)) location.assign(`/orders/${order.number}`); },
  });
  if (dialog) dialog.append(walletFor(order));
  else await post(`/orders/${order.number}/payment?later`);
}

find("#buy").addEventListener("click", async ({currentTarget}) => {
  currentTarget.disabled = true;
  find("#trouble").textContent = "";
  await buy().catch((error) => { find("#trouble").textContent = error.message; });
  currentTarget.disabled = false;
});
