// A network of the page: its weights, its answers to prompts, and the directions in which its embeddings differ most.

const STOP = "\n";
const MOST_CHARACTERS = 40; // of a continuation

// Makes a network of a run, whose weights are float32 in base64, in the order of the shapes of its cell.
function networkOf(run) {
  const cell = data.cells[run.cell];
  const bytes = Uint8Array.from(atob(run.weights), character => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const values = new Float64Array(bytes.length / 4).map((_, place) => view.getFloat32(4 * place, true));
  const parameters = {};
  let start = 0;
  for (const [name, rows, columns] of cell.shapes) {
    parameters[name] = { rows, columns, values: values.subarray(start, start + rows * columns) };
    start += rows * columns;
  }
  return { parameters, heads: cell.heads, block: cell.block, characters: [...data.corpora[cell.corpus].characters] };
}

// Numbers of the characters of a text. Throws an error in a sentence for one that the network does not have.
function encode(network, text) {
  if (!text) {
    throw new Error("Type at least one character, such as " + network.characters.find(each => each.trim()) + ".");
  }
  return Array.from(text, character => {
    const number = network.characters.indexOf(character);
    if (number < 0) {
      throw new Error(`This network was trained without the character ${quoted(character)}. ` +
        `It has these: ${network.characters.map(shown).join("")}`);
    }
    return number;
  });
}

// Logits, (T, V) as rows, after each character of a text of at most a block.
function logitsOf(network, text) {
  const { logits } = forward(network.parameters, encode(network, text), network.heads);
  return Array.from({ length: logits.rows }, (_, row) =>
    logits.values.slice(row * logits.columns, (row + 1) * logits.columns));
}

// Continues a prompt with the likeliest character until a line ends. Of a longer text than the block, a network reads
// the last characters.
function ask(network, prompt, most = MOST_CHARACTERS) {
  const read = encode(network, prompt);
  const steps = [];
  while (steps.length < most) {
    const { logits } = forward(network.parameters, read.slice(-network.block), network.heads);
    const shares = softmax(logits.values.subarray(-logits.columns));
    const probabilities = Array.from(shares, (share, number) => ({ character: network.characters[number], share }))
      .sort((one, other) => other.share - one.share);
    const { character } = probabilities[0];
    if (Number.isNaN(probabilities[0].share)) {
      throw new Error("This run diverged: its weights are no numbers, so it says nothing.");
    }
    steps.push({ character, probabilities });
    read.push(network.characters.indexOf(character));
    if (character === STOP) {
      break;
    }
  }
  return { prompt, steps, text: steps.map(step => step.character).join("") };
}

// What a corpus has after a prompt: its line, and whether it is held out; undefined if it does not ask this.
function lineOf(corpus, prompt) {
  const number = corpus.lines.find(each => data.lines[each].prompts.includes(prompt));
  return number === undefined ? undefined : { ...data.lines[number], isHeldOut: corpus.held_out.includes(number) };
}

// The rules of src/capacity/tasks/: an integer right after the prompt, or the first line without spaces at its ends.
// Undefined for a task whose rule is not in this page.
function isRight(line, text) {
  if (line.task === "arithmetic") {
    return Number.parseInt(/^-?\d+/.exec(text)?.[0], 10) === Number.parseInt(line.answer, 10);
  }
  return line.task === "facts" ? firstLine(text).toLowerCase() === line.answer.toLowerCase() : undefined;
}

function firstLine(text) {
  return text.split("\n", 1)[0].trim();
}

function shown(character) {
  return { "\n": "⏎", " ": "␣" }[character] ?? character;
}

function quoted(character) {
  const code = character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
  return /^[\p{L}\p{N}\p{P}\p{S}]$/u.test(character) ? `“${character}”` : `U+${code}`;
}

// The embeddings of some characters on their first two principal components: [{character, x, y}], and the shares of the
// variance that the two explain.
function principalComponents(network, characters) {
  const { columns, values } = network.parameters.token_embedding;
  const rows = characters.map(character => {
    const number = network.characters.indexOf(character);
    return Array.from(values.subarray(number * columns, (number + 1) * columns));
  });
  const mean = rows[0].map((_, column) => rows.reduce((sum, row) => sum + row[column], 0) / rows.length);
  const centred = rows.map(row => row.map((value, column) => value - mean[column]));
  // The Gram matrix of the few characters has the same components as the covariance of the many features.
  let gram = centred.map(one => centred.map(other => dot(one, other)));
  const total = gram.reduce((sum, row, place) => sum + row[place], 0);
  const components = [0, 1].map(() => {
    const { value, vector } = largestEigenpair(gram);
    gram = gram.map((row, i) => row.map((each, j) => each - value * vector[i] * vector[j]));
    return { share: value / total, places: vector.map(each => each * Math.sqrt(Math.max(0, value))) };
  });
  return {
    points: characters.map((character, number) =>
      ({ character, x: components[0].places[number], y: components[1].places[number] })),
    shares: components.map(component => component.share),
  };
}

// Power iteration on a symmetric matrix without negative eigenvalues.
function largestEigenpair(symmetric) {
  let vector = symmetric.map((_, place) => 1 + place / symmetric.length);
  let value = 0;
  for (let iteration = 0; iteration < 1000; iteration++) {
    const next = symmetric.map(row => dot(row, vector));
    value = Math.hypot(...next);
    if (!(value > 0)) {
      return { value: 0, vector: vector.map(() => 0) };
    }
    vector = next.map(each => each / value);
  }
  return { value, vector };
}

function dot(one, other) {
  return one.reduce((sum, value, place) => sum + value * other[place], 0);
}
