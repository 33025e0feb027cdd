internal import Age
internal import Codecs
internal import DuckDB
internal import EventStore
internal import Glibc
internal import Model

/// One run of an export on one connection.
struct ExportJob: Sendable {
    let spec: ResolvedSpec
    let path: String
    let exportID: String
    let runID: String
    /// Whether the files are to outlive a crash of the machine.
    let isDurable: Bool
    let following: ExportFollowing?
    let progress: ExportProgress
    let settings: StoreSettings
    /// Where rows lie; they stay there while it runs.
    let layout: Layout
    /// What the store remembers of who came in of late.
    let recent: RecentIdentities
    let memory: EngineMemory
    /// A folder for rows that are sorted and do not fit the memory.
    let scratch: String
    /// How often rows were taken out of the store; none are while it runs.
    let erasureEpoch: Int64
    /// What went by its age before.
    let history: AgedHistory?

    /// Where rows and identities go that do not fit the memory.
    private var spills: Scratch { Scratch(folder: scratch, isEncrypted: !spec.recipients.isEmpty) }

    /// Makes everything; blocks.
    func run(_ connection: Connection) throws -> Manifest {
        if spec.format == .kissmetrics { return try LayoutJob(job: self).run(connection) }
        if spec.dataset == .report { return try ReportJob(job: self).run(connection) }
        try TokenFunctions.register(on: connection)
        do { return try run(connection, least: .passing) } catch let error as DuckDBError
            where error.code == .outOfMemory && settings.passingMemory != settings.memoryLimit
        {
            // Rows that are unusually wide: once more, with all that there is.
            return try run(connection, least: .usual)
        }
    }

    private func run(_ connection: Connection, least: EngineMemory.Demand) throws -> Manifest {
        let writer: ExportQuery.Writer = spec.format == .parquet ? .engine : .rows
        let run = IdentityFunctions.makeRun()
        var query = try ExportQuery(spec, writer: writer, all: [], run: run)
        let style = try CellStyle(spec, connection)
        let demand = query.demand.rawValue < least.rawValue ? least : query.demand
        try memory.begin(demand, connection)
        // Once nothing of the export is in memory any more.
        defer { memory.end(demand, connection) }
        let identities = try preparePeople(query, style, connection)
        if let identities, writer == .engine {
            try IdentityFunctions.register(on: connection)
            IdentityFunctions.begin(run, identities)
        }
        defer { IdentityFunctions.end(run) }
        if spec.columns.contains(where: { $0.source == .allProperties }) {
            let names = try AllProperties.names(query, connection)
            query = try ExportQuery(spec, writer: writer, all: names, run: run)
        }
        return try makeFiles(query, identities, style, connection)
    }

    /// Who was who, in one transaction, so that everything after it can look as often as it likes.
    private func preparePeople(
        _ query: ExportQuery, _ style: CellStyle?, _ connection: Connection
    ) throws -> IdentityTable? {
        let identities = try connection.transaction { connection throws -> IdentityTable? in
            guard query.needsPeopleTable || query.needsIdentityTable else { return nil }
            let people = try PeopleAsOf(connection, asOf: spec.asOfSeq)
            if query.needsPeopleTable { try people.materialise(connection) }
            guard query.needsIdentityTable else { return nil }
            let window: WindowIdentities? =
                switch spec.dataset {
                case .events: try WindowIdentities(spec, [.events], layout, recent, connection)
                case .propertyChanges: try WindowIdentities(spec, [.propertyChanges], layout, recent, connection)
                case .people, .identities, .aliases, .report: nil
                }
            // The engine asks for those of a Parquet file in any order.
            let spill =
                spec.format == .parquet
                ? nil : IdentityTable.Spill(scratch: spills, most: settings.identityBytes)
            return try IdentityTable(
                connection, people, window, format: spec.format, style: style, spill: spill)
        }
        try Self.makeTables(query, connection)
        return identities
    }

    /// Makes the temporary tables that the query needs: people's properties, and who did what.
    static func makeTables(_ query: ExportQuery, _ connection: Connection) throws {
        if !query.needs.computed.isEmpty {
            // One state of the table of people, and of what it lacks.
            try connection.transaction { connection in
                try query.needs.computed.prepare(
                    connection, asOf: query.spec.asOfSeq, personMap: SQLFragment(stringLiteral: PeopleAsOf.table))
            }
        }
        var needed: [SQLFragment] = []
        if query.needsPropertiesTable {
            needed.append(
                "CREATE OR REPLACE TEMP TABLE \(ident: ExportQuery.propertiesTable) AS \(query.propertiesOfAll)")
        }
        if !query.needs.sets.isEmpty { needed += query.needs.sets.statements }
        for statement in needed.map(SQLStatement.init) { try connection.execute(statement.text, statement.values) }
    }

    /// Drops the temporary tables of a run.
    static func cleanUp(_ connection: Connection) throws {
        let tables = [
            PeopleAsOf.table, ExportQuery.propertiesTable, PersonSets.table, EngineWriter.table, PersonMap.table,
            WindowIdentities.table,
            "person_map_group",
        ]
        let computed = ComputedNeeds.tables(on: connection)
        try connection.execute((tables + computed).map { "DROP TABLE IF EXISTS temp.\($0)" }.joined(separator: ";"))
    }

    private func makeFiles(
        _ query: ExportQuery, _ identities: IdentityTable?, _ style: CellStyle?, _ connection: Connection
    ) throws -> Manifest {
        let names = ExportNames(path: path, exportID: exportID, proper: spec.fileExtension)
        var files = PartSet(names: names, isSplit: spec.partRows != nil, isDurable: isDurable)
        do {
            if spec.format == .parquet {
                try EngineWriter(
                    query: query, progress: progress, settings: settings, layout: layout, scratch: scratch
                ).write(connection, &files)
            } else {
                var output = FileRows(files: files, spec: spec)
                if isFollowed { output.following = following.map { ($0, columns(query)) } }
                defer { files = output.files }
                try RowWriter(
                    query: query, identities: identities, style: style, progress: progress, layout: layout,
                    scratch: spills, settings: settings
                ).write(connection, &output)
            }
            try Task.checkCancellation()
            let manifest = self.manifest(query, files.parts, files.totalSHA256)
            try files.commit(manifest)
            following?.end(isWhole: isFollowed)
            progress.finish(rows: manifest.rows)
            return manifest
        } catch {
            following?.end(isWhole: false)
            files.abandon()
            throw error
        }
    }

    /// Whether the file that is written is the one that there will be.
    private var isFollowed: Bool {
        spec.format == .csv && spec.partRows == nil && spec.compression == .none && spec.recipients.isEmpty
    }

    private func columns(_ query: ExportQuery) -> [Manifest.Column] {
        query.columns.map { column in
            // A JSON value keeps its type in NDJSON only; elsewhere it is its text.
            let type = column.type == .token && spec.format != .ndjson ? ValueType.text : column.type
            return Manifest.Column(name: column.name, type: type.rawValue)
        }
    }

    private func manifest(_ query: ExportQuery, _ parts: [Manifest.Part], _ sha256: String) -> Manifest {
        Manifest(
            exportID: exportID, runID: runID, dataset: spec.dataset, spec: spec.json,
            columns: columns(query),
            rows: parts.reduce(0) { $0 + $1.rows }, bytes: parts.reduce(0) { $0 + $1.bytes }, sha256: sha256,
            parts: parts, recipients: spec.recipients.map(\.text), seqFrom: spec.seqFrom, seqTo: spec.seqTo,
            asOfSeq: spec.asOfSeq, asOf: spec.asOf, erasureEpoch: erasureEpoch, aged: spec.aged(history))
    }
}
