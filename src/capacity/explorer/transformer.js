// The Transformer for one network: what src/capacity/model/one_network.py computes in Python, with the same names, which
// are those of src/capacity/model/transformer.py.
//
// A matrix is {rows, columns, values}, row by row. Axes in the comments: T positions, d width, H heads, f features of a
// head, V vocabulary, m MLP factor.

const EPSILON = 1e-5; // of layer norms: nanoGPT's

const BLOCK = ["attention_norm", "attention_in", "attention_out", "mlp_norm", "mlp_in", "mlp_out"];

// Reads T numbers of characters. Gives the logits after each of them, (T, V), and the attention of each layer and head,
// (T queries, T keys).
function forward(parameters, tokens, heads) {
  const { token_embedding, position_embedding, final_norm } = parameters;
  let x = matrix(tokens.length, token_embedding.columns, (row, column) =>
    token_embedding.values[tokens[row] * token_embedding.columns + column] +
    position_embedding.values[row * token_embedding.columns + column]); // (T, d)
  const attention = [];
  for (const block of blocks(parameters)) {
    const projected = read_states(block.attention_in, block.attention_norm, x); // (T, 3 d)
    const [query, key, value] = [0, 1, 2].map(part => by_head(projected, part, heads)); // H of (T, f) each
    const weights = query.map((each, head) => attention_weights(each, key[head])); // H of (T, T)
    attention.push(weights);
    x = add(x, multiply(mix(weights, value), block.attention_out));
    const hidden = map(read_states(block.mlp_in, block.mlp_norm, x), gelu); // (T, m d)
    x = add(x, multiply(hidden, block.mlp_out));
  }
  return { logits: read_states(token_embedding, final_norm, x), attention };
}

function blocks(parameters) {
  const layers = Object.keys(parameters).filter(name => name.endsWith(".mlp_in")).length;
  return Array.from({ length: layers }, (_, layer) =>
    Object.fromEntries(BLOCK.map(name => [name, parameters[`blocks.${layer}.${name}`]])));
}

// The product of a matrix (out, in) and the layer norm, with weight (in,), of states (T, in): (T, out).
function read_states(weight, norm, x) {
  const normalised = new Float64Array(x.values.length);
  for (let start = 0; start < normalised.length; start += x.columns) {
    const row = x.values.subarray(start, start + x.columns);
    const mean = row.reduce((sum, value) => sum + value, 0) / x.columns;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.columns;
    const scale = 1 / Math.sqrt(variance + EPSILON);
    for (let column = 0; column < x.columns; column++) {
      normalised[start + column] = (row[column] - mean) * scale * norm.values[column];
    }
  }
  return multiply({ ...x, values: normalised }, weight);
}

// One of the three parts of (T, 3 d), as H matrices (T, f).
function by_head(projected, part, heads) {
  const features = projected.columns / 3 / heads;
  return Array.from({ length: heads }, (_, head) => matrix(projected.rows, features, (row, column) =>
    projected.values[row * projected.columns + (part * heads + head) * features + column]));
}

// Causal attention weights of (T, f) queries and keys: (T queries, T keys).
function attention_weights(query, key) {
  const scores = multiply(query, key);
  const values = new Float64Array(scores.values.length); // 0 where a key comes after its query
  for (let row = 0; row < query.rows; row++) {
    const past = scores.values.subarray(row * scores.columns, row * scores.columns + row + 1);
    values.set(softmax(past.map(score => score / Math.sqrt(query.columns))), row * scores.columns);
  }
  return { ...scores, values };
}

// Sums of H values (T, f) with H weights (T queries, T keys): (T, d).
function mix(weights, value) {
  const [rows, features] = [value[0].rows, value[0].columns];
  return matrix(rows, features * value.length, (row, column) => {
    const head = Math.floor(column / features);
    let sum = 0;
    for (let place = 0; place <= row; place++) {
      sum += weights[head].values[row * rows + place] * value[head].values[place * features + column % features];
    }
    return sum;
  });
}

function gelu(x) {
  return x * 0.5 * (1 + erf(x / Math.SQRT2));
}

// Within 1.2e-7 everywhere (Press et al., Numerical Recipes, section 6.2).
function erf(x) {
  const t = 1 / (1 + 0.5 * Math.abs(x));
  const series = [0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196,
    1.00002368, -1.26551223].reduce((sum, coefficient) => sum * t + coefficient, 0);
  const tail = t * Math.exp(-x * x + series);
  return x >= 0 ? 1 - tail : tail - 1;
}

function softmax(scores) {
  const highest = scores.reduce((most, score) => Math.max(most, score), -Infinity);
  const shares = scores.map(score => Math.exp(score - highest));
  const sum = shares.reduce((total, share) => total + share, 0);
  return shares.map(share => share / sum);
}

// (T, in) times the transpose of (out, in): (T, out).
function multiply(x, weight) {
  const values = new Float64Array(x.rows * weight.rows);
  for (let row = 0; row < x.rows; row++) {
    for (let out = 0; out < weight.rows; out++) {
      let sum = 0;
      for (let k = 0; k < x.columns; k++) {
        sum += x.values[row * x.columns + k] * weight.values[out * x.columns + k];
      }
      values[row * weight.rows + out] = sum;
    }
  }
  return { rows: x.rows, columns: weight.rows, values };
}

function matrix(rows, columns, value) {
  const values = new Float64Array(rows * columns);
  for (let place = 0; place < values.length; place++) {
    values[place] = value(Math.floor(place / columns), place % columns);
  }
  return { rows, columns, values };
}

function map(x, apply) {
  return { ...x, values: x.values.map(apply) };
}

function add(x, y) {
  return { ...x, values: x.values.map((value, place) => value + y.values[place]) };
}
