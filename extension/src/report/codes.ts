/**
 * The coded concepts of a chromosome count report (DICOM PS3.16 Annex D, SNOMED CT, LOINC, UCUM, and the private
 * scheme 99CHROMCOUNT where no standard code was found). Each code's confidence and source are tabled in README.md.
 *
 * CodeMeaning is compared literally by cornerstone3D's adapters ("Imaging Measurements", "Measurement Group",
 * "Tracking Identifier", "Tracking Unique Identifier"): those four are not free to be reworded.
 */

/** One entry of a code sequence. VR limits: value SH (16), scheme SH (16), meaning LO (64). */
export interface Code {
  readonly value: string;
  readonly scheme: string;
  readonly meaning: string;
}

const dcm = (value: string, meaning: string): Code => ({ value, scheme: 'DCM', meaning });
const sct = (value: string, meaning: string): Code => ({ value, scheme: 'SCT', meaning });
const ucum = (value: string, meaning: string): Code => ({ value, scheme: 'UCUM', meaning });

/** The private coding scheme; its name starts with "99" as PS3.16 section 8.2 asks of unregistered schemes. */
export const LOCAL_SCHEME = '99CHROMCOUNT';

const local = (value: string, meaning: string): Code => ({ value, scheme: LOCAL_SCHEME, meaning });

/** Item of Coding Scheme Identification Sequence (0008,0110) that declares the private scheme in every report. */
export const LOCAL_SCHEME_IDENTIFICATION = {
  CodingSchemeDesignator: LOCAL_SCHEME,
  // A UUID-derived UID (PS3.5 Annex B.2), fixed for ever: it names the scheme, not a version of it.
  CodingSchemeUID: '2.25.187064271310948520433264823154217840961',
  CodingSchemeName: 'Chromosome count of metaphase cells',
  CodingSchemeVersion: '1',
  CodingSchemeResponsibleOrganization: 'chromosome-count, an OHIF Viewer plugin',
} as const;

/** Concepts of TID 1500 (Measurement Report) and the templates it includes: PS3.16 Annex D, scheme DCM. */
export const DCM = {
  imagingMeasurementReport: dcm('126000', 'Imaging Measurement Report'),
  languageOfContent: dcm('121049', 'Language of Content Item and Descendants'),
  observerType: dcm('121005', 'Observer Type'),
  person: dcm('121006', 'Person'),
  device: dcm('121007', 'Device'),
  personObserverName: dcm('121008', 'Person Observer Name'),
  personObserverOrganization: dcm('121009', 'Person Observer\'s Organization Name'),
  personObserverRole: dcm('121011', 'Person Observer\'s Role in this Procedure'),
  recording: dcm('121097', 'Recording'),
  deviceObserverUID: dcm('121012', 'Device Observer UID'),
  deviceObserverName: dcm('121013', 'Device Observer Name'),
  deviceObserverManufacturer: dcm('121014', 'Device Observer Manufacturer'),
  deviceObserverModelName: dcm('121015', 'Device Observer Model Name'),
  deviceObserverSerialNumber: dcm('121016', 'Device Observer Serial Number'),
  subjectClass: dcm('121024', 'Subject Class'),
  specimen: dcm('121027', 'Specimen'),
  specimenUID: dcm('121039', 'Specimen UID'),
  specimenIdentifier: dcm('121041', 'Specimen Identifier'),
  specimenContainerIdentifier: dcm('111700', 'Specimen Container Identifier'),
  procedureReported: dcm('121058', 'Procedure reported'),
  imageLibrary: dcm('111028', 'Image Library'),
  imageLibraryGroup: dcm('126200', 'Image Library Group'),
  modality: dcm('121139', 'Modality'),
  imagingMeasurements: dcm('126010', 'Imaging Measurements'),
  derivedImagingMeasurements: dcm('126011', 'Derived Imaging Measurements'),
  measurementGroup: dcm('125007', 'Measurement Group'),
  trackingIdentifier: dcm('112039', 'Tracking Identifier'),
  trackingUniqueIdentifier: dcm('112040', 'Tracking Unique Identifier'),
  finding: dcm('121071', 'Finding'),
  geometricPurpose: dcm('130400', 'Geometric purpose of region'),
  algorithmName: dcm('111001', 'Algorithm Name'),
  algorithmParameters: dcm('111002', 'Algorithm Parameters'),
  algorithmVersion: dcm('111003', 'Algorithm Version'),
  imageRegion: dcm('111030', 'Image Region'),
  derivation: dcm('121401', 'Derivation'),
  comment: dcm('121106', 'Comment'),
} as const;

/** Acquisition modalities the image library can name (CID 29). */
export const MODALITY: Readonly<Record<string, Code>> = {
  GM: dcm('GM', 'General Microscopy'),
  SM: dcm('SM', 'Slide Microscopy'),
  XC: dcm('XC', 'External-camera Photography'),
  OT: dcm('OT', 'Other Modality'),
};

/** SNOMED CT concepts. */
export const SCT = {
  cell: sct('4421005', 'Cell'),
  chromosome: sct('91272006', 'Chromosome'),
  boundedBy: sct('75958009', 'Bounded by'),
  imagingProcedure: sct('363679005', 'Imaging procedure'),
  specimenType: sct('371439000', 'Specimen type'),
  geneticSample: sct('258562007', 'Genetic sample'),
  mode: sct('373100007', 'Mode'),
} as const;

/** The language of the report's own sentences: RFC 5646. */
export const LANGUAGE_EN_US: Code = { value: 'en-US', scheme: 'RFC5646', meaning: 'English (United States)' };

/** LOINC 62361-1, "Cells counted [#]". */
export const CELLS_COUNTED: Code = { value: '62361-1', scheme: 'LN', meaning: 'Cells counted [#]' };

/** The container of TID 1500 for statements (never numbers). */
export const QUALITATIVE_EVALUATIONS: Code = { value: 'C0034375', scheme: 'UMLS', meaning: 'Qualitative Evaluations' };

/** UCUM annotations: both are dimensionless. */
export const UNIT = {
  chromosomes: ucum('{chromosomes}', 'chromosomes'),
  cells: ucum('{cells}', 'cells'),
} as const;

/** Private concepts. Values are never reused: a withdrawn one stays reserved. */
export const LOCAL = {
  chromosomeCount: local('CC-100', 'Chromosome count'),
  aiCount: local('CC-101', 'Chromosome count by algorithm'),
  readerCount: local('CC-102', 'Chromosome count by reader'),
  checkerCount: local('CC-103', 'Chromosome count by checker'),
  markedChromosomes: local('CC-104', 'Chromosomes marked'),
  cellState: local('CC-110', 'State of cell'),
  exclusionReason: local('CC-120', 'Reason for exclusion of cell'),
  reviewStatus: local('CC-130', 'Review status of region'),
  slide: local('CC-140', 'Slide'),
  culture: local('CC-141', 'Culture or colony'),
  slideCoordinates: local('CC-142', 'Slide coordinates'),
  reviewedBy: local('CC-143', 'Reviewed by'),
  checkedBy: local('CC-144', 'Checked by'),
  editedBy: local('CC-145', 'Edited by'),
  excludedBy: local('CC-146', 'Excluded by'),
  countDistribution: local('CC-150', 'Distribution of chromosome counts'),
  mosaicismStatement: local('CC-151', 'Mosaicism excluded by number of cells'),
  cellsExcluded: local('CC-152', 'Cells excluded'),
  nextAction: local('CC-153', 'Suggested next action'),
  caseRecord: local('CC-160', 'Case record of chromosome-count'),
  caseRecordFormat: local('CC-161', 'Format of case record'),
  caseRecordPart: local('CC-162', 'Part of case record'),
} as const;

/** Values of LOCAL.cellState. */
export const CELL_STATE = {
  notCounted: local('CC-111', 'Not counted'),
  counted: local('CC-112', 'Counted'),
  reviewed: local('CC-113', 'Reviewed'),
  checked: local('CC-114', 'Checked by a second person'),
  excluded: local('CC-115', 'Excluded'),
} as const;

/** Values of LOCAL.exclusionReason. */
export const EXCLUSION_REASON = {
  overlap: local('CC-121', 'Overlapping chromosomes'),
  incomplete: local('CC-122', 'Incomplete metaphase'),
  poorBanding: local('CC-123', 'Poor banding'),
  twoCells: local('CC-124', 'Two cells'),
  other: local('CC-129', 'Other reason'),
} as const;

/** Values of LOCAL.reviewStatus. Removed regions are kept in the case record only: a viewer would draw them. */
export const REVIEW_STATUS = {
  ai: local('CC-131', 'Found by algorithm, not reviewed'),
  confirmed: local('CC-132', 'Accepted by reader'),
  added: local('CC-133', 'Added by reader'),
  moved: local('CC-134', 'Moved by reader'),
} as const;
