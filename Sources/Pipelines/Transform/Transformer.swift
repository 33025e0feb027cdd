internal import Connectors
internal import Crypto
internal import Destinations
internal import DuckDB
internal import Threads

/// Makes a run's rows into those that are loaded, in an engine of its own, with little memory and no way out of the run's folder. What
/// sources have is fetched there before.
struct Transformer: Sendable {
    let plan: TransformPlan
    let batch: LoadBatch
    /// The run's own folder, in which the batch's file is.
    let folder: String
    let sources: SourceRegistry
    let tools: DestinationTools
    let secrets: SecretResolver

    private static let memory = "300MB"
    private static let spill = "20GB"

    /// What came of it.
    struct Outcome: Sendable {
        let batch: LoadBatch
        /// How many rows each source had.
        let notes: [String]
    }

    func run() async throws -> Outcome {
        var fetched: [(name: String, file: FetchedFile)] = []
        for step in plan.steps {
            guard case .source(let settings, let name) = step else { continue }
            let (sources, secrets, tools) = (sources, secrets, tools)
            let source = try await OwnThread.run {
                do { return try sources.make(settings, secrets: secrets, tools: tools) } catch let error
                    as ConnectorError
                {
                    throw error.of("the source \(name)")
                }
            }
            do {
                fetched.append((name, try await source.fetch(into: folder, as: "source_" + name)))
            } catch {
                throw ConnectorError(
                    error.code, "the source \(name): \(error.message)", isTransient: error.isTransient)
            }
        }
        let files = fetched
        let keys = try await keys()
        let folder = folder
        let lane = try await OwnThread.run { try Self.engine(in: folder) }
        do {
            let made = try await lane.run { connection in try work(connection, files, keys) }
            let batch = batch
            let (file, columns, rows) = (made.file, made.columns, made.rows)
            let changed = try await OwnThread.run {
                try batch.with(file: file, columns: columns, rows: rows)
            }
            return Outcome(batch: changed, notes: made.notes)
        } catch let error as DuckDBError {
            throw PipelineError(
                .validation, "the transformation failed: \(error.message)", isTransient: error.isTransient)
        }
    }

    /// An engine for a run's own folder, with little memory and no way out of it. Blocks.
    static func engine(in folder: String) throws -> Lane {
        // In a file, so that tables are no burden on the memory; one of an attempt before is no use.
        for name in ["transform.duckdb", "transform.duckdb.wal"] { RunFolder.remove(file: folder + "/" + name) }
        let database = try Database(
            path: folder + "/transform.duckdb",
            settings: [
                "memory_limit": memory, "threads": "1", "temp_directory": folder + "/spill",
                "max_temp_directory_size": spill, "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            ])
        return try Lane(database: database, name: "transform") { (connection) throws(DuckDBError) in
            for statement in RuleSQL.confine(to: folder) { try connection.execute(statement) }
        }
    }

    /// A name with the keys of its HMAC.
    private typealias HashKey = (name: String, inner: String, outer: String)

    private func keys() async throws -> [HashKey] {
        let (rules, secrets) = (plan.privacy, secrets)
        return try await OwnThread.run {
            try rules.compactMap { rule in
                guard case .hash(let reference) = rule.action else { return nil }
                var key = Array(try Self.secret(reference, of: rule.column, secrets).utf8)
                guard key.count >= 16 else {
                    throw ConnectorError(
                        .badSecret,
                        "the key that \"\(rule.column)\" is hashed with is shorter than 16 bytes: it could be guessed"
                    )
                }
                if key.count > 64 { key = Array(SHA256.hash(data: key)) }
                key += [UInt8](repeating: 0, count: 64 - key.count)
                return (rule.column, Hex.text(key.map { $0 ^ 0x36 }), Hex.text(key.map { $0 ^ 0x5c }))
            }
        }
    }

    private static func secret(
        _ reference: String, of column: String, _ secrets: SecretResolver
    ) throws(ConnectorError) -> String {
        do { return try secrets.resolve(SecretReference(reference)) } catch {
            throw error.of("privacy.\(column).hash")
        }
    }

    private struct Made: Sendable {
        let file: String
        let columns: [LoadColumn]
        let rows: Int64
        let notes: [String]
    }

    private func work(
        _ connection: Connection, _ fetched: [(name: String, file: FetchedFile)], _ keys: [HashKey]
    ) throws -> Made {
        var notes: [String] = []
        try connection.execute(
            TransformSQL.makeView(TransformSQL.rows(batch.file, format: batch.format, batch.columns)))
        var isTable = false
        for (number, step) in plan.steps.enumerated() {
            switch step {
            case .source(_, let name):
                guard let file = fetched.first(where: { $0.name == name })?.file else { continue }
                notes.append("\(name) has \(try bring(file, as: name, connection)) rows")
            case .sql(let query, let name?):
                try query.statement(number, connection, TransformSQL.make(name, query))
            case .sql(let query, nil):
                for statement in TransformSQL.replace(query, wasTable: isTable) {
                    try query.statement(number, connection, statement)
                }
                isTable = true
            }
        }
        let columns = try finish(connection, keys)
        let file = folder + "/loaded" + batch.suffix
        try connection.execute(
            TransformSQL.write(
                TransformSQL.final, columns, to: file, format: batch.format, compression: batch.packing))
        let rows = try connection.row(TransformSQL.count(TransformSQL.final))?.first?.int ?? 0
        return Made(
            file: file, columns: columns.map { LoadColumn($0.name, TransformSQL.manifestType($0.type)) },
            rows: rows,
            notes: notes)
    }

    private func bring(_ file: FetchedFile, as name: String, _ connection: Connection) throws -> Int64 {
        if let columns = file.columns {
            try connection.execute(TransformSQL.makeEmpty(name, columns))
            if try FetchedFile.isEmpty(file.path) { return 0 }
            try connection.execute(
                "INSERT INTO \(RuleSQL.name(name)) "
                    + TransformSQL.rows(file.path, format: file.format, columns))
        } else {
            guard try !FetchedFile.isEmpty(file.path) else {
                throw PipelineError(
                    .validation, "the source \(name) has no rows, so that nothing is known of its columns")
            }
            try connection.execute(
                TransformSQL.make(name, TransformSQL.rows(file.path, format: file.format)))
        }
        return try connection.row(TransformSQL.count(RuleSQL.name(name)))?.first?.int ?? 0
    }

    /// Maps and protects; the columns that there are then, with the engine's types.
    private func finish(_ connection: Connection, _ keys: [HashKey]) throws -> [(
        name: String, type: String
    )] {
        var there = try Self.columns(TransformSQL.export, connection).map(\.name)
        var from = TransformSQL.export
        if !plan.mappings.isEmpty {
            try Self.require(plan.mappings.map(\.from), among: there, "map")
            try connection.execute(
                TransformSQL.make(
                    "sluice_mapped", TransformSQL.map(plan.mappings, from: TransformSQL.export)))
            (from, there) = ("sluice_mapped", plan.mappings.map(\.name))
        }
        try Self.require(plan.privacy.map(\.column), among: there, "privacy")
        try connection.execute(TransformSQL.makeKeys)
        for key in keys {
            _ = try connection.execute(
                TransformSQL.addKey, [.text(key.name), .text(key.inner), .text(key.outer)])
        }
        try connection.execute(
            TransformSQL.make(TransformSQL.final, TransformSQL.protect(there, plan.privacy, from: from)))
        let left = try Self.columns(TransformSQL.final, connection)
        try Self.require(batch.key, among: left.map(\.name), "load.key")
        return left
    }

    private static func columns(_ table: String, _ connection: Connection) throws -> [(
        name: String, type: String
    )] {
        try connection.rows(TransformSQL.describe(table)).compactMap { row in
            guard let name = row.first?.text, let type = row.dropFirst().first?.text else { return nil }
            return (name, type)
        }
    }

    private static func require(_ wanted: [String], among there: [String], _ what: String)
        throws(PipelineError)
    {
        let missing = wanted.filter { !there.contains($0) }
        guard missing.isEmpty else {
            throw PipelineError(
                .validation,
                "\"\(what)\" names \(missing.map { "\"\($0)\"" }.joined(separator: ", ")), and the rows have "
                    + there.joined(separator: ", "))
        }
    }
}

extension String {
    /// Runs a statement that has this query in it; an error says which step it is of.
    fileprivate func statement(_ number: Int, _ connection: Connection, _ statement: String) throws {
        do { _ = try connection.execute(statement, []) } catch {
            guard error.code != .interrupted else { throw error }
            throw PipelineError(
                .validation, "step \(number + 1) of \"enrich\" failed: \(error.message)",
                isTransient: error.isTransient)
        }
    }
}
