internal import DuckDB
internal import EventStore
internal import Model

/// One run of an export in the KISSmetrics layout: adds what is new since the last run to a folder.
struct LayoutJob {
    let job: ExportJob

    /// Makes everything; blocks.
    func run(_ connection: Connection) throws -> Manifest {
        let folder = try LayoutFolder(job.path, exportID: job.exportID)
        // An export that was cut off after its last step is run again by the server, and is done.
        if let manifest = try folder.finished(job.exportID) { return manifest }
        do {
            let spec = try start(folder)
            let identities = try connection.transaction { connection throws -> IdentityTable in
                let window = try WindowIdentities(spec, RowTable.allCases, job.layout, job.recent, connection)
                return try IdentityTable(
                    connection, PeopleAsOf(connection, asOf: spec.asOfSeq), window, format: .ndjson, style: nil)
            }
            var writer = LayoutWriter(spec, identities, folder, job.progress)
            try writer.write(connection)
            try Task.checkCancellation()
            let manifest = self.manifest(spec, writer, folder)
            try folder.publish(writer.revisions, manifest)
            job.progress.finish(rows: manifest.rows)
            return manifest
        } catch {
            folder.abandon()
            throw error
        }
    }

    /// The specification with the `seq` at which the folder's last run ended.
    private func start(_ folder: LayoutFolder) throws(ExportError) -> ResolvedSpec {
        var spec = job.spec
        if folder.isNew { return spec }
        guard spec.seqFrom == 0 || spec.seqFrom == folder.position else {
            throw ExportSpec.error(
                "\"seq_from\" is \(spec.seqFrom), and the folder \(folder.path) reaches to \(folder.position): leave it out to "
                    + "add what is new, or name another folder")
        }
        guard folder.position <= spec.seqTo else {
            throw ExportSpec.error(
                "the folder \(folder.path) reaches to seq \(folder.position), and this export to \(spec.seqTo) only: the "
                    + "folder is ahead, or another store's; name another folder")
        }
        spec.seqFrom = folder.position
        return spec
    }

    private func manifest(_ spec: ResolvedSpec, _ writer: LayoutWriter, _ folder: LayoutFolder) -> Manifest {
        let name = FileSystem.split(folder.path).name
        let parts = writer.revisions.map {
            Manifest.Part(file: "\(name)/\($0.file)", rows: $0.lines, bytes: $0.bytes, sha256: $0.sha256)
        }
        var manifest = Manifest(
            exportID: job.exportID, runID: job.runID, dataset: spec.dataset, spec: spec.json, columns: [],
            rows: parts.reduce(0) { $0 + $1.rows }, bytes: parts.reduce(0) { $0 + $1.bytes }, sha256: writer.sha256,
            parts: parts, seqFrom: spec.seqFrom, seqTo: spec.seqTo, asOfSeq: spec.asOfSeq, asOf: spec.asOf,
            erasureEpoch: job.erasureEpoch, aged: spec.aged(job.history))
        let counts = writer.lines.counts
        manifest.layout = [
            "revisions": .array(writer.revisions.map(\.json)), "lines": counts.lines, "changed": counts.changed,
            "left_out": counts.leftOut,
        ]
        return manifest
    }
}
