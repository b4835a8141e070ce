/** DICOM files and DICOM JSON through dcmjs, the library the host itself uses. */
import dcmjs from 'dcmjs';
import type { Dataset } from '../../extension/src/report/index.ts';

const { DicomDict, DicomMessage, DicomMetaDictionary, ReadBufferStream } = dcmjs.data;

// dcmjs 0.52 reads the items of a sequence as Latin-1: their stream does not inherit the decoder that Specific Character
// Set chose. Its asynchronous reader is right, but ten times slower; personNames.test.ts uses that one as it comes.
const { more } = ReadBufferStream.prototype;
ReadBufferStream.prototype.more = function (length: number) {
  const child = more.call(this, length);
  child.setDecoder(this.decoder);
  return child;
};

/** As the host's store encodes a naturalised dataset. */
export function encodeWithDcmjs(dataset: Readonly<Dataset>): ArrayBuffer {
  const { FileMetaInformationVersion } = dataset._meta as Record<string, { Value: unknown }>;
  const file = new DicomDict(
    DicomMetaDictionary.denaturalizeDataset({
      FileMetaInformationVersion: FileMetaInformationVersion.Value,
      MediaStorageSOPClassUID: dataset.SOPClassUID,
      MediaStorageSOPInstanceUID: dataset.SOPInstanceUID,
      TransferSyntaxUID: '1.2.840.10008.1.2.1',
      ImplementationClassUID: '2.25.1',
      ImplementationVersionName: 'TEST',
    }),
  );
  file.dict = DicomMetaDictionary.denaturalizeDataset(dataset);
  return file.write();
}

export function decodeWithDcmjs(bytes: ArrayBuffer): Dataset {
  return DicomMetaDictionary.naturalizeDataset(DicomMessage.readFile(bytes).dict) as Dataset;
}

export async function decodeWithAsyncDcmjs(bytes: ArrayBuffer): Promise<Dataset> {
  const reader = new dcmjs.async.AsyncDicomReader();
  reader.stream.addBuffer(bytes);
  reader.stream.setComplete();
  const { dict } = await reader.readFile();
  return DicomMetaDictionary.naturalizeDataset(dict) as Dataset;
}

/** Naturalised metadata of a DICOM JSON dataset, as the host has it after a WADO-RS metadata request. */
export function fromDicomJson(json: unknown): Dataset {
  return DicomMetaDictionary.naturalizeDataset(json) as Dataset;
}

export { dcmjs };
