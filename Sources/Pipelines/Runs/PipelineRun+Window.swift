internal import Connectors
internal import Control
internal import Destinations
internal import Exports
internal import Model
internal import Threads

/// Where a run loads, and which window: what is fixed before anything is written.
extension PipelineRun {
    /// Whether the destination could be asked, and what it says.
    mutating func connect() async throws -> any Destination {
        if let destination { return destination }
        let found = try await tools.settings(
            of: definition, project: record.project, isTrusted: record.isTrusted)
        let (tools, definition) = (tools, definition)
        let made = try await OwnThread.run {
            do { return try tools.destination(found.settings, isTrusted: found.isTrusted) } catch let error
                as ConnectorError
            {
                throw error.of(definition.load.target.said)
            }
        }
        destination = made
        settings = found
        record.target = made.location
        return made
    }

    func stream() async throws -> LoadStream {
        LoadStream(
            pipeline: streamName,
            installation: try await tools.control.installation() + "/" + record.project)
    }

    mutating func pin() async throws {
        let destination = try await connect()
        if record.cause.isBackfill {
            _ = try await pinRange(destination)
            return machine.succeed(.window, at: tools.now())
        }
        let position = try await destination.position(try await stream())
        let watermark = try await tools.control.watermark(
            pipeline: record.pipeline, project: record.project, target: destination.location)
        let pinned = try await project.pin()
        let window = try Window(
            watermark: watermark?.seq, position: position, pinned: pinned, isIncremental: definition.isIncremental)
        var spec = try await project.spec(definition.export, tools.now())
        let abilities = type(of: destination).abilities
        if definition.export["format"] == nil, let format = abilities.formats.first.flatMap(ExportFormat.init) {
            spec.format = format
        }
        spec.asOfSeq = window.to
        if definition.isIncremental { (spec.seqFrom, spec.seqTo) = (window.from, window.to) }
        var resolved = try await ExportRunner.resolve(spec, on: project.store, durableSeq: pinned, now: tools.now())
        if abilities.cutsBySeq, definition.isIncremental, !spec.columns.isEmpty, RowTelling.seq(resolved) == nil {
            spec.columns.append("seq as \(LoadBatch.addedSeq)")
            resolved = try await ExportRunner.resolve(spec, on: project.store, durableSeq: pinned, now: tools.now())
        }
        record.spec = resolved.json
        (record.seqFrom, record.seqTo) = (window.from, window.to)
        hasNothingToLoad = definition.isIncremental && window.from == window.to && position != .empty
        machine.succeed(.window, at: tools.now(), note: window.note)
    }
}
