/**
 * What a person calls a device, from what its browser calls itself: those strings name many others
 * for old times' sake, so the first mark that fits counts.
 */
const BROWSERS = [
  ["Samsung Internet", /SamsungBrowser\//u], ["Whale", /Whale\//u], ["KakaoTalk", /KAKAOTALK/u], ["Edge", /Edg(?:e|A|iOS)?\//u],
  ["Opera", /OPR\//u], ["Firefox", /(?:Firefox|FxiOS)\//u], ["Chrome", /(?:Headless)?Chrom(?:e|ium)\/|CriOS\//u], ["Safari", /Version\/.*Safari\//u],
];
const SYSTEMS = [
  ["iPhone", /iPhone/u], ["iPad", /iPad/u], ["Android", /Android/u], ["ChromeOS", /CrOS/u], ["Windows", /Windows/u],
  ["macOS", /Mac OS X|Macintosh/u], ["Linux", /Linux|X11/u],
];
/** A program that is no browser is called by its first word, without the version. */
const LONGEST = 40;

/** @param {string} agent @returns {string} empty where nothing can be made out */
export function deviceName(agent) {
  const of = (/** @type {any[][]} */ marks) => marks.find(([, mark]) => mark.test(agent))?.[0] ?? "";
  const [browser, system] = [of(BROWSERS), of(SYSTEMS)];
  if (browser || system) return [browser, system].filter(Boolean).join(" · ");
  const [first] = agent.trim().split(/[\s/]/u);
  return first === "unknown" ? "" : first.slice(0, LONGEST);
}
