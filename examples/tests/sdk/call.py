"""Calls by each official client, in order, one for each tenant named. Prints the tenant, what came, in how many seconds."""

import sys
import time

import anthropic
import openai

url, tenants = sys.argv[1], sys.argv[2:]
MESSAGES = [{"role": "user", "content": "hello"}]


def chat(tenant):
    client = openai.OpenAI(base_url=url + "/v1", api_key="k", default_headers={"x-tenant": tenant})
    return lambda: client.chat.completions.create(model="m", messages=MESSAGES)


def message(tenant):
    client = anthropic.Anthropic(base_url=url, api_key="k", default_headers={"x-tenant": tenant})
    return lambda: client.messages.create(model="m", max_tokens=1, messages=MESSAGES)


for make, Refused in ((chat, openai.RateLimitError), (message, anthropic.RateLimitError)):
    for tenant in tenants:
        name = f"{tenant}-{make.__name__}"
        call = make(name)
        started = time.monotonic()
        try:
            call()
            came = "answer"
        except Refused:
            came = "refusal"
        print(name, came, time.monotonic() - started, flush=True)
