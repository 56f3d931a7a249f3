// A shop in another language: Stripe's npm package subscribes somebody at the address and with the key it is given.
import Stripe from "stripe";

const [address, key] = process.argv.slice(2);
const { hostname, port, protocol } = new URL(address);
const stripe = new Stripe(key, { host: hostname, port, protocol: protocol.replace(":", ""), telemetry: false });

const product = await stripe.products.create({ name: "Pro" });
const price = await stripe.prices.create({
  product: product.id,
  currency: "usd",
  unit_amount: 2000,
  recurring: { interval: "month" },
});
const customer = await stripe.customers.create({ email: "buyer@example.com" });
const session = await stripe.checkout.sessions.create({
  mode: "subscription",
  customer: customer.id,
  client_reference_id: "team_42",
  line_items: [{ price: price.id, quantity: 1 }],
  subscription_data: { metadata: { billing_customer: "team_42" } },
  success_url: `${address}/_sandbox/?paid={CHECKOUT_SESSION_ID}`,
});

// The buyer, without a script on the page: the form, sent.
const paid = await fetch(session.url, {
  method: "POST",
  body: new URLSearchParams({ card: "4242 4242 4242 4242" }),
  redirect: "manual",
});

const done = await stripe.checkout.sessions.retrieve(session.id, { expand: ["subscription.latest_invoice"] });
const events = await stripe.events.list({ types: ["invoice.paid", "checkout.session.completed"] });
console.log(
  JSON.stringify({
    redirected: [paid.status, paid.headers.get("location")],
    session: session.id,
    status: done.status,
    subscription: done.subscription.status,
    invoice: done.subscription.latest_invoice.status,
    price: done.subscription.items.data[0].price.id,
    wanted: price.id,
    events: events.data.map((event) => event.type).sort(),
  }),
);
