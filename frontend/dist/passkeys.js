// Ceremonies with a passkey: making one, and signing with one.
//
// Rules: every ceremony has a signal and a timer of ours, and can be stopped; what was typed stays until all is done;
// what was signed is kept and sent again as it is, never signed twice; the words say whether anything was sent.

const CEREMONY_MS = 90_000;
const ASK_MS = 500;
const SLOW_AFTER_MS = 30_000;

/** A failure with words for the person. */
class Trouble extends Error {}

const toBytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const descriptors = (list) => list.map((one) => ({ ...one, id: toBytes(one.id) }));

/** Asks the service; a refusal or a lost line becomes a Trouble. */
async function ask(path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method: body === undefined ? "GET" : "POST",
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
    });
  } catch {
    throw new Trouble(
      navigator.onLine ? "We could not reach the service. Please try again." : "You're offline. Nothing has been sent.",
    );
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Trouble(said.detail ?? "Something is wrong on our side. Please try again later.");
  return said;
}

/** Runs one ceremony under a signal and a timer. */
async function hold(stop, run) {
  const timer = setTimeout(() => stop.abort("time"), CEREMONY_MS);
  try {
    return await run(stop.signal);
  } catch (problem) {
    if (stop.signal.reason === "time") throw new Trouble("This took too long, and nothing was sent. Please try again.");
    if (problem.name === "InvalidStateError") throw new Trouble("This device has a passkey for you already.");
    if (problem.name === "NotAllowedError" || stop.signal.aborted)
      throw new Trouble("You stopped before it was signed. Nothing was sent, and your answers are still here.");
    throw new Trouble("Your device could not do this. Nothing was sent. Try again, or try another device.");
  } finally {
    clearTimeout(timer);
  }
}

async function makePasskey(stop) {
  const asked = await ask("/me/passkeys/options", {});
  const made = await hold(stop, (signal) =>
    navigator.credentials.create({
      signal,
      publicKey: {
        ...asked,
        challenge: toBytes(asked.challenge),
        user: { ...asked.user, id: toBytes(asked.user.id) },
        excludeCredentials: descriptors(asked.excludeCredentials),
      },
    }),
  );
  return {
    authenticatorData: toText(made.response.getAuthenticatorData()),
    clientDataJSON: toText(made.response.clientDataJSON),
  };
}

async function sign(asked, stop) {
  const { response, rawId } = await hold(stop, (signal) =>
    navigator.credentials.get({
      signal,
      publicKey: {
        ...asked.options,
        challenge: toBytes(asked.options.challenge),
        allowCredentials: descriptors(asked.options.allowCredentials),
      },
    }),
  );
  const webauthn = {
    credentialId: toText(rawId),
    authenticatorData: toText(response.authenticatorData),
    clientDataJSON: toText(response.clientDataJSON),
    signature: toText(response.signature),
  };
  return { act: asked.act, signature: { webauthn } };
}

class Ceremony {
  constructor(form) {
    this.form = form;
    this.going = form.querySelector(".going");
    this.status = this.going.querySelector("[role=status]");
    this.trouble = form.querySelector(".trouble");
    this.cancel = form.querySelector(".cancel");
    this.submit = form.querySelector("[type=submit]");
    this.label = this.submit.textContent;
    this.running = false;
    this.signed = null; // what the device signed and the service has not taken yet
    this.made = null; // a passkey that was made and not registered yet
    this.asked = null; // what an older passkey is to sign, to add a new one
    this.digest = null; // what the service has taken
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.running) this.run();
    });
    form.addEventListener("change", () => {
      this.signed = null; // other answers need another signature
      this.submit.textContent = this.label;
    });
    this.cancel.addEventListener("click", () => this.stop?.abort());
    addEventListener("pagehide", () => this.stop?.abort());
  }

  async run() {
    this.running = true;
    this.submit.disabled = true;
    this.trouble.hidden = true;
    this.stop = new AbortController();
    try {
      const make = this.form.dataset.kind === "make" && this.asked === null;
      if (this.digest === null) await (make ? this.make() : this.give());
      if (this.digest !== null) await this.follow();
    } catch (problem) {
      if (!(problem instanceof Trouble)) console.error(problem);
      this.say(problem instanceof Trouble ? problem.message : "Something went wrong on this page. Please load it again.");
    } finally {
      this.running = false;
      this.submit.disabled = false;
      this.cancel.hidden = true;
    }
  }

  async make() {
    this.wait("Your device asks you to make a passkey.");
    this.made ??= await makePasskey(this.stop);
    const answer = await ask("/me/passkeys", this.made);
    this.made = null;
    if (answer.waits) {
      this.going.hidden = true;
      return this.say("Your passkey is made. It can sign once your hospital, or who signs for you now, has added it.");
    }
    if (answer.digest) {
      this.mark("signed");
      this.digest = answer.digest;
      return undefined;
    }
    // A browser may want a click for each ceremony: the older passkey's yes is a step of its own.
    this.asked = answer;
    this.cancel.hidden = true;
    this.status.textContent = "Your new passkey is made. Now say yes to it with the passkey that you have.";
    this.submit.textContent = "Say yes to the new passkey";
    return undefined;
  }

  async give() {
    if (this.signed === null && this.asked !== null) {
      this.wait("Your device asks you to sign.");
      this.signed = await sign(this.asked, this.stop);
    } else if (this.signed === null) {
      const answers = new FormData(this.form);
      const categories = answers.getAll("categories");
      if (this.form.querySelector("[name=categories]") && categories.length === 0)
        throw new Trouble("Pick at least one kind of data, or choose “No, not now”.");
      const asked = await ask(this.form.dataset.prepare, { categories, passkey: answers.get("passkey") ?? "" });
      this.wait("Your device asks you to sign.");
      this.signed = await sign(asked, this.stop);
    }
    return this.send();
  }

  async send() {
    this.mark("signed");
    this.cancel.hidden = true;
    this.digest = (await ask("/me/acts", this.signed)).digest;
    this.signed = null;
  }

  async follow() {
    this.mark("sent");
    const began = Date.now();
    for (;;) {
      const { state } = await ask(`/me/acts/${this.digest}`);
      if (state === "failed") {
        this.digest = null;
        throw new Trouble("It could not be sealed, and does not count. Please try again.");
      }
      this.mark(state);
      if (state === "sealed") return this.done();
      if (Date.now() - began > SLOW_AFTER_MS)
        this.status.textContent = "This takes longer than usual. You can close this page: we have it, and go on.";
      await new Promise((resolve) => setTimeout(resolve, ASK_MS));
    }
  }

  /** The device is busy with the person. */
  wait(words) {
    this.going.hidden = false;
    this.status.textContent = words;
    this.cancel.hidden = false;
  }

  /** A step is reached, and so are all before it. */
  mark(reached) {
    this.going.hidden = false;
    for (const step of this.going.querySelectorAll("[data-step]")) {
      const time = step.querySelector("time");
      if (!step.classList.contains("reached")) {
        step.classList.add("reached");
        time.textContent = `${new Date().toISOString().slice(11, 16)} UTC`;
        time.dateTime = new Date().toISOString();
      }
      if (step.dataset.step === reached) {
        this.status.textContent = step.querySelector("span").textContent;
        return;
      }
    }
  }

  done() {
    this.status.textContent = this.form.dataset.finished;
    this.submit.hidden = true;
    for (const link of this.form.querySelectorAll("a.button")) link.hidden = true;
    const link = document.createElement("a");
    link.className = "button";
    link.href = this.form.dataset.done;
    link.textContent = "Go to your page";
    this.form.querySelector(".buttons").append(link);
    link.focus();
  }

  say(words) {
    if (this.signed === null && this.digest === null) this.going.hidden = true;
    this.trouble.querySelector("p").textContent = words;
    this.trouble.hidden = false;
    this.trouble.focus();
    if (this.signed !== null || this.made !== null) this.submit.textContent = "Send it again";
    else if (this.asked === null) this.submit.textContent = this.label;
  }
}

for (const form of document.querySelectorAll("form.ceremony")) {
  if (window.PublicKeyCredential) new Ceremony(form);
  else new Ceremony(form).say("This browser cannot use passkeys. Use a newer one, or another device.");
}
