// The official client against the server at argv[2] with the key argv[3].
import assert from 'node:assert/strict';
import OpenAI from 'openai';

const [, , baseURL, apiKey] = process.argv;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const ask = { model: 'tiny', prompt: 'Hello', max_tokens: 30, seed: 3, temperature: 0.8 };
const chat = {
  model: 'tiny', messages: [{ role: 'user', content: 'Hello' }], max_completion_tokens: 30, seed: 3,
};

const whole = await client.completions.create(ask);
assert.equal(whole.usage.completion_tokens, 30);
let text = '';
for await (const piece of await client.completions.create({ ...ask, stream: true })) text += piece.choices[0].text;
assert.equal(text, whole.choices[0].text);

const probable = await client.completions.create({ ...ask, logprobs: 2 });
assert.equal(probable.choices[0].logprobs.tokens.length, 30);

const answer = await client.chat.completions.create({ ...chat, logprobs: true, top_logprobs: 2 });
const content = answer.choices[0].message.content;
assert.equal(answer.choices[0].finish_reason, 'length');
assert.equal(answer.choices[0].logprobs.content.length, 30);
let said = '';
let usage = null;
const stream = await client.chat.completions.create({ ...chat, stream: true, stream_options: { include_usage: true } });
for await (const piece of stream) {
  said += piece.choices[0]?.delta?.content ?? '';
  usage = piece.usage ?? usage;
}
assert.equal(said, content);
assert.equal(usage.completion_tokens, 30);

const middle = content.length >> 1;
const stop = content.slice(middle, middle + 1);
const stopped = await client.chat.completions.create({ ...chat, stop });
assert.equal(stopped.choices[0].message.content, content.slice(0, content.indexOf(stop)));
assert.equal(stopped.choices[0].finish_reason, 'stop');

const vectors = await client.embeddings.create({ model: 'tiny', input: ['to be', 'or not'] });
assert.equal(vectors.data.length, 2);
assert.ok(Math.abs(Math.hypot(...vectors.data[0].embedding) - 1) < 1e-3);

await assert.rejects(client.completions.create({ ...ask, model: 'other' }), OpenAI.NotFoundError);
await assert.rejects(client.completions.create({ ...ask, temperature: 9 }), OpenAI.BadRequestError);
await assert.rejects(new OpenAI({ baseURL, apiKey: 'wrong', maxRetries: 0 }).models.list(), OpenAI.AuthenticationError);

for (const streamed of [true, false]) {
  const leaving = new AbortController();
  const endless = client.completions.create({ ...ask, max_tokens: 900000, stream: streamed }, { signal: leaving.signal });
  if (streamed) {
    for await (const piece of await endless) {
      assert.ok(piece.choices);
      leaving.abort();
    }
  } else {
    setTimeout(() => leaving.abort(), 200);
    await assert.rejects(endless, OpenAI.APIUserAbortError);
  }
}
console.log('all is well');
