// Node's fetch: the memory of requests that were sent and not answered.
//
//     node --expose-gc fetch_flight.mjs URL COUNT    ->  KiB of private memory they cost together
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const [url, count] = process.argv.slice(2)
const headers = { Authorization: 'Bearer tm_live_0', Accept: 'application/json' }

function privateKib () {
  global.gc()
  global.gc()
  return Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1])
}

const calls = [fetch(url, { headers })] // what is made once is not counted
await sleep(500)
const before = privateKib()
for (let i = 0; i < Number(count); i++) calls.push(fetch(url, { headers }))
await sleep(1500)
console.log(privateKib() - before)
process.exit() // the answers never come
