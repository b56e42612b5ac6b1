/** Recipes that come with Drover, with a few words for whoever chooses. */
export const shippedRecipes = {
  base: 'Debian without a screen, reached over SSH',
  docker: 'containers, on the own disk of each board',
  'docker-disk': 'containers, on a data disk',
  'k3s-agent': 'a worker of a k3s cluster',
  kiosk: 'one page on a screen, and nothing else',
  'dns-filter': 'a name server without advertisers and trackers',
  builder: 'a board that builds images itself',
  stock: "writes a vendor's stock system to the card of a board",
} as const satisfies Readonly<Record<string, string>>;
