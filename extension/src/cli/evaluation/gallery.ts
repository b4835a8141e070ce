import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openImage } from '../images/openImage.ts';
import type { WorkItem } from '../inputs/workItem.ts';
import { assignDetections, type EvaluatedImage } from '../metrics.ts';
import { writeWhole } from '../outputs/atomicFile.ts';
import { drawBoxes, type DrawnBox } from '../outputs/boxPicture.ts';

const colours = { found: '#00c853', missed: '#ff1744', extra: '#ff9100' } as const;

interface Entry {
  readonly name: string;
  readonly picture: string;
  readonly truth: number;
  readonly counted: number;
  readonly missed: number;
  readonly extra: number;
}

/** A folder with a page of the images that were not wholly right, worst first. Local files only. */
export class FailureGallery {
  private readonly entries: Entry[] = [];

  constructor(private readonly folder: string) {}

  /** @param image detections at the operating threshold; a wholly right image is left out */
  async add(item: WorkItem, name: string, image: EvaluatedImage): Promise<void> {
    const { isTruePositive, detectionOf } = assignDetections(image, 0.5);
    const missed = image.truth.filter((_, i) => detectionOf[i] < 0);
    const extra = image.detections.filter((_, i) => !isTruePositive[i]);
    if (missed.length + extra.length === 0) return;
    const found = image.detections.filter((_, i) => isTruePositive[i]);
    const drawn: DrawnBox[] = [
      ...found.map(({ box }) => ({ box, colour: colours.found })),
      ...extra.map(({ box }) => ({ box, colour: colours.extra })),
      ...missed.map((box) => ({ box, colour: colours.missed, dashed: true })),
    ];
    const bytes = item.path !== undefined ? await readFile(item.path) : await item.load!();
    const gray = await (await openImage(bytes)).readGray(1);
    const picture = `images/${name}.png`;
    const entry = { name, picture, truth: image.truth.length, counted: image.detections.length, missed: missed.length, extra: extra.length };
    await writeWhole(join(this.folder, picture), await drawBoxes(gray, drawn, captionOf(entry)));
    this.entries.push(entry);
  }

  /** @param table the figures, as printed on the terminal */
  async finish(table: string): Promise<string> {
    const path = join(this.folder, 'index.html');
    this.entries.sort((a, b) => b.missed + b.extra - a.missed - a.extra || (a.name < b.name ? -1 : 1));
    await writeWhole(path, this.page(table));
    return path;
  }

  private page(table: string): string {
    const figures = this.entries.map((entry) =>
      `<figure><img loading="lazy" src="${encodeURI(entry.picture)}" alt=""><figcaption><b>${escapeHtml(entry.name)}</b> ${captionOf(entry)}</figcaption></figure>`);
    return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Images that were not wholly right</title>
<style>
body{font:14px/1.5 system-ui,sans-serif;margin:2rem;background:#fff;color:#111}
pre{background:#f3f3f3;padding:1rem;overflow:auto}
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(24rem,1fr));gap:1rem}
figure{margin:0}img{width:100%;height:auto}
.found{color:#007e33}.missed{color:#c4001d}.extra{color:#a85c00}
</style>
<h1>${this.entries.length} images that were not wholly right</h1>
<p>For Research Use Only. Not for use in diagnostic procedures.</p>
<pre>${escapeHtml(table)}</pre>
<p><b class="found">green</b> found, <b class="missed">red, dashed</b> missed, <b class="extra">orange</b> extra</p>
<main>${figures.join('\n')}</main>
</html>
`;
  }
}

function captionOf({ truth, counted, missed, extra }: Omit<Entry, 'name' | 'picture'>): string {
  return `marked ${truth}, counted ${counted}: ${missed} missed, ${extra} extra`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
