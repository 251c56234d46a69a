// Node's fetch: as many promises as requests are to be in flight share out the work.
//
//     node fetch.mjs URL KEY COUNT AT_ONCE
//
// makes a thousand, then says the seconds that COUNT requests took and, with one at a time, the
// microseconds of each. Every answer is decoded.
const [url, key, countText, atOnceText] = process.argv.slice(2)
const count = Number(countText)
const atOnce = Number(atOnceText)
const headers = { Authorization: `Bearer ${key}`, Accept: 'application/json' }

async function get (item) {
  const began = performance.now()
  const answer = await fetch(`${url}?item=${item}`, { headers })
  if (!answer.ok || !(await answer.json())) throw new Error(`status ${answer.status}`)
  return (performance.now() - began) * 1e3
}

let next = 0
const took = []

async function work () {
  while (next < count) took.push(await get(next++))
}

// Compiled as they run, the first requests take a multiple of what the later ones do.
for (; next < 1000; next++) await get(next)
next = took.length = 0
const began = performance.now()
await Promise.all(Array.from({ length: atOnce }, work))
console.log(((performance.now() - began) / 1e3).toFixed(6))
console.log(atOnce === 1 ? took.map((microseconds) => microseconds.toFixed(1)).join(' ') : '')
