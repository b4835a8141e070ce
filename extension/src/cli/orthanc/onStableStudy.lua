-- Counts the metaphases of each study that has become stable in Orthanc, and stores the unreviewed report (DICOM SR,
-- PRELIMINARY) beside the images. For Research Use Only. Not for use in diagnostic procedures.
--
--   "LuaScripts" : [ "/path/to/onStableStudy.lua" ]     in Orthanc's configuration, with the DICOMweb plugin
--
-- Settings, from the environment of Orthanc:
--   CHROMOSOME_COUNT_COMMAND  how to call the built program; default: node /opt/chromosome-count/dist/cli/count.mjs
--   CHROMOSOME_COUNT_FOLDER   where copies of the reports and count.log go; default: /var/lib/chromosome-count
--   CHROMOSOME_COUNT_URL      DICOMweb root; default: this Orthanc's own on the loopback
--   DICOMWEB_AUTHORIZATION    Authorization header, where Orthanc asks for one
--
-- The count runs in the background: Orthanc goes on receiving. A study is counted again when images arrive; a stored
-- report, which makes the study stable once more, is no image. To have a study counted again, delete its metadata 4120.

local countedMetadata = '4120'
local noImages = { SR = true, PR = true, KO = true, SEG = true, DOC = true, ANN = true, REG = true, RTSTRUCT = true }

local function setting(name, default)
  local value = os.getenv(name)
  if value == nil or value == '' then return default end
  return value
end

-- For the shell: in single quotes nothing is special but the quote itself.
local function quoted(text)
  return "'" .. string.gsub(text, "'", "'\\''") .. "'"
end

local function ownDicomWeb()
  local configuration = GetOrthancConfiguration()
  local root = (configuration['DicomWeb'] or {})['Root'] or '/dicom-web/'
  root = string.gsub(string.gsub(root, '^/*', '/'), '/*$', '')
  return 'http://127.0.0.1:' .. string.format('%d', configuration['HttpPort'] or 8042) .. root
end

local function countImages(studyId)
  local images = 0
  for _, series in ipairs(ParseJson(RestApiGet('/studies/' .. studyId .. '/series'))) do
    if not noImages[series['MainDicomTags']['Modality'] or ''] then images = images + #series['Instances'] end
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

  local command = setting('CHROMOSOME_COUNT_COMMAND', 'node /opt/chromosome-count/dist/cli/count.mjs')
  local folder = setting('CHROMOSOME_COUNT_FOLDER', '/var/lib/chromosome-count')
  local url = setting('CHROMOSOME_COUNT_URL', ownDicomWeb())
  os.execute(command .. ' --quiet --format sr --out ' .. quoted(folder) .. ' --store ' .. quoted(url) .. ' ' ..
    quoted(url .. '/studies/' .. uid) .. ' >> ' .. quoted(folder .. '/count.log') .. ' 2>&1 &')
end
