/** Text as tokens: vocabularies, windows, and the text that is written by program. */
import assert from "#assert";
import {
  consecutiveTokens,
  drawTokens,
  grammarText,
  splitText,
  vocabularyOf,
} from "@tekfac/tekfac/data";

Deno.test("a vocabulary takes characters, not code units, and gives texts back", () => {
  const text = "a𝒯b é\n𝒯";
  const vocabulary = vocabularyOf(text);
  assert.deepEqual(vocabulary.characters, ["\n", " ", "a", "b", "é", "𝒯"]);
  const tokens = vocabulary.encode(text);
  assert.equal(tokens.length, 7);
  assert.equal(vocabulary.decode(tokens), text);
  assert.deepEqual(vocabularyOf(vocabulary.characters).characters, vocabulary.characters);
});

Deno.test("vocabularies refuse what they cannot hold in one sentence", () => {
  assert.throws(() => vocabularyOf(""), {
    name: "DataError",
    message: /expected a text of 1 to 65536 different characters, received 0$/,
  });
  assert.throws(() => vocabularyOf("ab").encode("abc"), {
    name: "DataError",
    message: /expected one of the 2 characters of the vocabulary, received "c"$/,
  });
  assert.throws(() => splitText("abc", { vocabulary: vocabularyOf("ab") }), { name: "DataError" });
  assert.throws(() => splitText("abc", { heldOut: 1 }), { name: "OptionError" });
});

Deno.test("splitText() holds the end back, with the vocabulary of the whole", () => {
  const { train, test, vocabulary, source } = splitText("aaaaaaaaab", { source: "letters" });
  assert.equal(vocabulary.decode(train), "aaaaaaaaa");
  assert.equal(vocabulary.decode(test), "b");
  assert.equal(source, "letters");
});

Deno.test("drawTokens(): shares of ranks are the windows of a batch in turn", () => {
  const tokens = Array.from({ length: 50 }, (_, i) => i);
  const options = { context: 2, size: 5, seed: 3, step: 4 };
  const whole = drawTokens(tokens, options).inputs;
  const shares = [0, 1].map((rank) =>
    drawTokens(tokens, { ...options, share: { rank, ranks: 2 } }).inputs
  );
  const rowsOf = (inputs: Float32Array) =>
    Array.from({ length: inputs.length / 2 }, (_, n) => [...inputs.subarray(2 * n, 2 * n + 2)]);
  const [first, second] = shares.map(rowsOf);
  assert.deepEqual([first[0], second[0], first[1], second[1], first[2]], rowsOf(whole));
  assert.throws(() => drawTokens(tokens, { ...options, share: { rank: 0, ranks: 6 } }), {
    name: "OptionError",
    option: "share.ranks",
  });
});

Deno.test("drawTokens() draws every window there is, and the same in the same step", () => {
  const tokens = Array.from({ length: 10 }, (_, i) => i);
  const options = { context: 4, size: 100, seed: 3, step: 5 };
  const { inputs, targets } = drawTokens(tokens, options);
  for (let i = 0; i < inputs.length; i++) {
    assert.equal(targets[i], inputs[i] + 1);
    if (i % 4 > 0) assert.equal(inputs[i], targets[i - 1]);
  }
  const starts = new Set(Array.from({ length: 100 }, (_, n) => inputs[4 * n]));
  assert.deepEqual([...starts].sort(), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(drawTokens(tokens, options).inputs, inputs);
  assert.notDeepEqual(drawTokens(tokens, { ...options, step: 6 }).inputs, inputs);
  assert.notDeepEqual(drawTokens(tokens, { ...options, seed: 4 }).inputs, inputs);
});

Deno.test("consecutiveTokens() makes every token but the first a target once", () => {
  const tokens = Array.from({ length: 13 }, (_, i) => i);
  const { inputs, targets } = consecutiveTokens(tokens, { context: 3 });
  assert.deepEqual([...targets], tokens.slice(1));
  assert.deepEqual([...inputs], tokens.slice(0, -1));
  const two = consecutiveTokens(tokens, { context: 3, most: 2 });
  assert.deepEqual([...two.inputs], [0, 1, 2, 6, 7, 8]);
});

Deno.test("windows longer than the text are refused", () => {
  const refused = { name: "DataError", message: /at least 4 tokens \(context \+ 1\), received 3$/ };
  assert.throws(() => consecutiveTokens([1, 2, 3], { context: 3 }), refused);
  assert.throws(() => drawTokens([1, 2, 3], { context: 3, size: 1, seed: 0, step: 0 }), refused);
});

Deno.test("the sentences of grammarText() are sentences, whose verbs agree with their nouns", () => {
  const text = grammarText({ characters: 50_000, seed: 2 });
  const sentences = text.split("\n").slice(0, -1);
  assert(sentences.length > 500);
  for (const sentence of sentences) assert.match(sentence, /^[A-Z][a-z ]+(, [a-z ]+)?\.$/);
  assert.match(text, /cat that sees|cat that hears|dog that sees/);
  // Behind a relative clause the last noun is not the subject: only the beginnings are looked at.
  const one =
    /^(The|A) (\w+ )?(cat|dog|bird|child|farmer|mouse) (that )?(see|find|know|hear|follow)\b/m;
  const several =
    /^\w+ (\w+ )?(cats|dogs|birds|children|farmers|mice) (that )?(see|find|know|hear|follow)s\b/m;
  assert.doesNotMatch(text, one);
  assert.doesNotMatch(text, several);
  assert.doesNotMatch(text, /\b(two|many|some) (\w+ )?(cat|dog|bird|house|garden)\b/);
  assert.notEqual(grammarText({ characters: 100, seed: 3 }), text.slice(0, 100));
});
