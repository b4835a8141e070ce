import { extname } from 'node:path';

const imageExtensions = new Set(['.dcm', '.dicom', '.ima', '.png', '.jpg', '.jpeg', '.tif', '.tiff', '.webp']);

export function isArchive(name: string): boolean {
  return /\.(tar|tar\.gz|tgz)$/i.test(name);
}

/**
 * Whether a file found in a folder or archive is meant to be an image. DICOM files often have no extension, or the last
 * part of a UID; lists, notes and truth files beside the images are not inputs. A file named by the user always is one.
 */
export function looksLikeImage(name: string): boolean {
  const extension = extname(name).toLowerCase();
  return extension === '' || /^\.\d+$/.test(extension) || imageExtensions.has(extension);
}
