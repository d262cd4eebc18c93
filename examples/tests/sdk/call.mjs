// Calls by each official client, in order, one for each tenant named. Prints the tenant, what came, in how many seconds.

import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'

const [url, ...tenants] = process.argv.slice(2)
const messages = [{ role: 'user', content: 'hello' }]

function chat(tenant) {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'k', defaultHeaders: { 'x-tenant': tenant } })
  return () => client.chat.completions.create({ model: 'm', messages })
}

function message(tenant) {
  const client = new Anthropic({ baseURL: url, apiKey: 'k', defaultHeaders: { 'x-tenant': tenant } })
  return () => client.messages.create({ model: 'm', max_tokens: 1, messages })
}

for (const [make, Refused] of [[chat, OpenAI.RateLimitError], [message, Anthropic.RateLimitError]]) {
  for (const tenant of tenants) {
    const name = `${tenant}-${make.name}`
    const call = make(name)
    const started = performance.now()
    let came = 'answer'
    try {
      await call()
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      came = 'refusal'
    }
    console.log(name, came, (performance.now() - started) / 1000)
  }
}
