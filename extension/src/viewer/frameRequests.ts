/**
 * The requests for frames that the host has under way, so that one that a store never answers can be ended. The host's
 * loader waits for ever and offers no handle; a browser opens six connections to an origin, and six silent requests
 * would block everything else, the saving of the report too.
 */
const underWay = new Map<string, XMLHttpRequest>();

/** A wadors image id is the address of its frame behind the scheme. */
const addressOf = (imageId: string): string => imageId.slice(imageId.indexOf(':') + 1);

/** @returns a function that ends the watch */
export function watchFrameRequests(): () => void {
  const { open } = XMLHttpRequest.prototype;
  function watchedOpen(this: XMLHttpRequest, method: string, url: string | URL, ...rest: unknown[]): void {
    (open as (...words: unknown[]) => void).call(this, method, url, ...rest);
    const address = String(url);
    if (!address.includes('/frames/')) return;
    this.addEventListener('loadstart', () => underWay.set(address, this));
    this.addEventListener('loadend', () => {
      if (underWay.get(address) === this) underWay.delete(address);
    });
  }
  XMLHttpRequest.prototype.open = watchedOpen as typeof open;
  return () => {
    // Where another one has put its own function over this one, that stays.
    if (XMLHttpRequest.prototype.open === (watchedOpen as typeof open)) XMLHttpRequest.prototype.open = open;
    underWay.clear();
  };
}

/** Ends the request for this image, if one is under way: whoever waits for it hears of a failure. */
export function endFrameRequest(imageId: string): void {
  underWay.get(addressOf(imageId))?.abort();
}
