-- Counts the metaphases of each study that has become stable in Orthanc, and stores the unreviewed report (DICOM SR,
-- PRELIMINARY) beside the images. For Research Use Only. Not for use in diagnostic procedures.
--
-- In Orthanc's configuration, with the DICOMweb plugin:
--
--   "LuaScripts" : [ "/opt/chromosome-count/extension/src/cli/orthanc/onStableStudy.lua" ],
--   "ChromosomeCount" : {
--     "Command" : "node /opt/chromosome-count/dist/cli/count.mjs",  -- the built program; this is the default
--     "Folder" : "/var/lib/chromosome-count",  -- copies of the reports, and count.log; must exist; this is the default
--     "Url" : "http://127.0.0.1:8042/dicom-web"  -- DICOMweb root; default: this Orthanc's own
--   }
--
-- Where Orthanc asks for a password, its environment has DICOMWEB_AUTHORIZATION="Basic ...".
--
-- The count runs in the background: Orthanc goes on receiving. A study is counted again when images arrive; a stored
-- report, or a picture of a cell stored from the viewer, makes the study stable once more and is none. To have a study
-- counted again, delete its metadata 4120.

local countedMetadata = '4120'
local pluginManufacturer = 'Chromosome count'
local noImages = { SR = true, PR = true, KO = true, SEG = true, DOC = true, ANN = true, REG = true, RTSTRUCT = true }

-- For the shell: in single quotes nothing is special but the quote itself.
local function quoted(text)
  return "'" .. string.gsub(text, "'", "'\\''") .. "'"
end

local function ownDicomWeb(configuration)
  local root = (configuration['DicomWeb'] or {})['Root'] or '/dicom-web/'
  root = string.gsub(string.gsub(root, '^/*', '/'), '/*$', '')
  return 'http://127.0.0.1:' .. string.format('%d', configuration['HttpPort'] or 8042) .. root
end

local function countImages(studyId)
  local images = 0
  for _, series in ipairs(ParseJson(RestApiGet('/studies/' .. studyId .. '/series'))) do
    local tags = series['MainDicomTags']
    local isImage = not noImages[tags['Modality'] or ''] and tags['Manufacturer'] ~= pluginManufacturer
    if isImage then images = images + #series['Instances'] end
  end
  return images
end

function OnStableStudy(studyId, tags, metadata)
  local uid = tags['StudyInstanceUID']
  -- It becomes part of a command line: digits and dots, as the standard has it, and nothing else.
  if uid == nil or not string.match(uid, '^[%d.]+$') then
    print('chromosome-count: study ' .. studyId .. ' has no valid StudyInstanceUID')
    return
  end
  local images = countImages(studyId)
  if images == 0 or metadata[countedMetadata] == tostring(images) then return end
  RestApiPut('/studies/' .. studyId .. '/metadata/' .. countedMetadata, tostring(images))

  local configuration = GetOrthancConfiguration()
  local settings = configuration['ChromosomeCount'] or {}
  local command = settings['Command'] or 'node /opt/chromosome-count/dist/cli/count.mjs'
  local folder = settings['Folder'] or '/var/lib/chromosome-count'
  local url = settings['Url'] or ownDicomWeb(configuration)
  os.execute(command .. ' --quiet --format sr --out ' .. quoted(folder) .. ' --store ' .. quoted(url) .. ' ' ..
    quoted(url .. '/studies/' .. uid) .. ' >> ' .. quoted(folder .. '/count.log') .. ' 2>&1 &')
end
