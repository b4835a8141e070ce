/** Looks into the content tree of a report the way the readers do. */

export type Item = Record<string, any>;

export const toArray = (value: unknown): Item[] => (Array.isArray(value) ? value : value ? [value] : []) as Item[];

export const named = (meaning: string) => (item: Item) => toArray(item.ConceptNameCodeSequence)[0]?.CodeMeaning === meaning;

export function child(item: Item, meaning: string): Item {
  const found = toArray(item.ContentSequence).find(named(meaning));
  if (!found) throw new Error(`expected an item "${meaning}", got ${toArray(item.ContentSequence).map((each) => toArray(each.ConceptNameCodeSequence)[0]?.CodeMeaning).join(', ')}`);
  return found;
}

export const childrenOf = (item: Item, meaning: string): Item[] => toArray(item.ContentSequence).filter(named(meaning));

export const measurementGroups = (dataset: Item): Item[] => childrenOf(child(dataset, 'Imaging Measurements'), 'Measurement Group');

/** Groups by finding: "Cell" or "Chromosome". */
export const groupsOf = (dataset: Item, finding: string): Item[] =>
  measurementGroups(dataset).filter((group) => toArray(child(group, 'Finding').ConceptCodeSequence)[0].CodeMeaning === finding);

/** Every item of the tree, depth first. */
export function everyItem(item: Item): Item[] {
  return toArray(item.ContentSequence).flatMap((each) => [each, ...everyItem(each)]);
}
