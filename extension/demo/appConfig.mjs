/** The site's app-config.js. The plugin needs one line of it: `modes`. */

/**
 * @param {{ modes?: string[] }} [options] URLs of mode modules
 * @returns {string} the script the viewer loads before it starts
 */
export function appConfig({ modes = ['/plugins/chromosome-count/mode.mjs'] } = {}) {
  return `window.config = {
  modes: ${JSON.stringify(modes)},
  extensions: [],
  customizationService: {},
  routerBasename: null,
  showStudyList: true,
  investigationalUseDialog: { option: 'never' },
  maxNumberOfWebWorkers: 3,
  showWarningMessageForCrossOrigin: true,
  showCPUFallbackMessage: false,
  showLoadingIndicator: true,
  strictZSpacingForVolumeViewport: true,
  groupEnabledModesFirst: true,
  disableConfirmationPrompts: true,
  defaultDataSourceName: 'dicomweb',
  dataSources: [
    {
      namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
      sourceName: 'dicomweb',
      configuration: {
        friendlyName: 'DICOMweb of this site',
        name: 'dicomweb',
        qidoRoot: '/dicomweb',
        wadoRoot: '/dicomweb',
        wadoUriRoot: '/dicomweb',
        qidoSupportsIncludeField: true,
        imageRendering: 'wadors',
        thumbnailRendering: 'wadors',
        enableStudyLazyLoad: true,
        supportsFuzzyMatching: false,
        supportsWildcard: true,
        dicomUploadEnabled: true,
        omitQuotationForMultipartRequest: true,
        bulkDataURI: { enabled: true },
      },
    },
  ],
};
// The first-visit tours of the stock modes would cover the images.
try {
  localStorage.setItem('shownTours', JSON.stringify(['basicViewerTour', 'usStudyTour']));
} catch {
  // Blocked storage: the tour is shown, nothing else changes.
}
`;
}
