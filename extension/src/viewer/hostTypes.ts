/**
 * The parts of OHIF 3.13 that this room calls. The host ships no types; these are read from its sources and name only
 * what is used, so that a change in the host shows up here first.
 */
import type * as CornerstoneCore from '@cornerstonejs/core';
import type * as CornerstoneTools from '@cornerstonejs/tools';

export type Core = typeof CornerstoneCore;
export type Tools = typeof CornerstoneTools;

export interface Subscription {
  unsubscribe(): void;
}

interface PubSub {
  EVENTS: Record<string, string>;
  subscribe(event: string, callback: (data: never) => void): Subscription;
}

/** A naturalised DICOM instance, as the host's metadata provider returns it. */
export interface Instance {
  StudyInstanceUID: string;
  SeriesInstanceUID: string;
  SOPInstanceUID: string;
  SOPClassUID: string;
  Rows?: number;
  Columns?: number;
  NumberOfFrames?: number | string;
  InstanceNumber?: number | string;
  FrameOfReferenceUID?: string;
  Manufacturer?: string;
  ManufacturerModelName?: string;
  ContainerIdentifier?: string;
  ImageCenterPointCoordinatesSequence?: Record<string, number | string> | Record<string, number | string>[];
  ContentSequence?: unknown;
  [attribute: string]: unknown;
}

export interface DisplaySet {
  displaySetInstanceUID: string;
  StudyInstanceUID: string;
  SeriesInstanceUID: string;
  SOPClassUID?: string;
  Modality?: string;
  SeriesNumber?: number | string;
  SeriesDescription?: string;
  instances?: Instance[];
  instance?: Instance;
  unsupported?: boolean;
  isHydrated?: boolean;
}

export interface DisplaySetService extends PubSub {
  activeDisplaySets: DisplaySet[];
  getDisplaySetByUID(displaySetInstanceUID: string): DisplaySet | undefined;
  getDisplaySetForSOPInstanceUID(sopInstanceUID: string, seriesInstanceUID: string): DisplaySet | undefined;
}

export interface MeasurementSource {
  uid: string;
  name: string;
}

export interface MeasurementService extends PubSub {
  VALUE_TYPES: Record<string, string>;
  getSource(name: string, version: string): MeasurementSource;
  getSourceMappings(name: string, version: string): { annotationType: string }[] | undefined;
  addMapping(
    source: MeasurementSource,
    annotationType: string,
    matchingCriteria: object[],
    toAnnotation: (measurement: unknown) => unknown,
    toMeasurement: (detail: AnnotationDetail) => object | null,
  ): void;
  getMeasurement(uid: string): unknown;
  getMeasurements(): { uid: string; toolName: string }[];
  remove(uid: string): void;
}

export interface AnnotationDetail {
  annotation: CornerstoneTools.Types.Annotation;
}

/** A stack viewport of the host. */
export type Viewport = CornerstoneCore.Types.IStackViewport;

export interface Services {
  displaySetService: DisplaySetService;
  measurementService: MeasurementService;
  cornerstoneViewportService: {
    getCornerstoneViewport(viewportId: string): Viewport | undefined;
  };
  viewportGridService: PubSub & {
    getActiveViewportId(): string | null;
    getState(): { viewports: Map<string, { displaySetInstanceUIDs: string[] }> };
  };
  hangingProtocolService: {
    getViewportsRequireUpdate(viewportId: string, displaySetInstanceUID: string): object[];
  };
  toolGroupService: {
    getToolGroup(toolGroupId: string): CornerstoneTools.Types.IToolGroup | undefined;
    getToolGroupIds(): string[];
  };
  customizationService: {
    setCustomizations(customizations: object, scope?: string): void;
    getCustomization(id: string): unknown;
  };
  uiNotificationService: {
    show(notification: {
      id?: string;
      title: string;
      message: string;
      type?: 'info' | 'success' | 'warning' | 'error';
      duration?: number;
      position?: string;
    }): string;
  };
  toolbarService: { refreshToolbarState(about: { viewportId: string | null }): void };
  userAuthenticationService: { getUser?(): unknown };
  [name: string]: unknown;
}

export interface ServicesManager {
  services: Services;
  registerService(registration: { name: string; create(options: object): unknown }): void;
}

export interface CommandsManager {
  getCommand(command: string): { commandFn(options: object): unknown; options?: object } | undefined;
  run(command: string, options?: object): unknown;
  runCommand(command: string, options?: object, context?: string): unknown;
}

export interface DataSource {
  getImageIdsForDisplaySet(displaySet: DisplaySet): string[];
  getConfig?(): { friendlyName?: string; wadoRoot?: string };
  store?: { dicom?: unknown };
}

export interface ExtensionManager {
  getModuleEntry(id: string): { exports: { getCornerstoneLibraries?(): { cornerstone: Core; cornerstoneTools: Tools } } } | undefined;
  getActiveDataSource(): DataSource[];
  activeDataSourceName?: string;
}

export interface HostParams {
  servicesManager: ServicesManager;
  commandsManager: CommandsManager;
  extensionManager: ExtensionManager;
  configuration?: { assetsUrl?: string };
}

/** @throws Error naming the extension that the viewer lacks. */
export function cornerstoneLibraries(extensionManager: ExtensionManager): { core: Core; tools: Tools } {
  const entry = extensionManager.getModuleEntry('@ohif/extension-cornerstone.utilityModule.common');
  const libraries = entry?.exports.getCornerstoneLibraries?.();
  if (!libraries) {
    throw new Error('Chromosome count: expected the viewer to carry @ohif/extension-cornerstone with its libraries, found none');
  }
  return { core: libraries.cornerstone, tools: libraries.cornerstoneTools };
}
