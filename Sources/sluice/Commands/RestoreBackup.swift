import ArgumentParser
import Model
import Server

struct RestoreBackup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Make a data folder of a backup, or check one.",
        discussion: """
            FOLDER is what 'sluice backup' was given, or one snapshot in it. Every file is compared with its SHA-256 \
            before anything is written and again while it is copied. The new folder must not be there yet, or be empty; \
            it gets its content at the very end, so that an interrupted restore leaves nothing that could be taken for \
            a store. No server is needed.

            The restored store goes on where the snapshot was made: the same keys, the same exports to the byte, \
            higher numbers for what is new, and what was sent in the last seven days is still known as a duplicate.

            Examples:
              sluice restore /backups/sluice --data ./data-again
              sluice restore /backups/sluice --check
            """)

    @Argument(help: ArgumentHelp("A folder of backups, or a snapshot in it.", valueName: "folder"))
    var folder: String

    @Option(name: .long, help: ArgumentHelp("The data folder to make (or SLUICE_DATA).", valueName: "NEW"))
    var data: String?

    @Option(name: .long, help: ArgumentHelp("Which snapshot; the newest if not said.", valueName: "NAME"))
    var snapshot: String?

    @Flag(name: .long, help: "Read and compare every file, and write nothing.")
    var check = false

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        if check, data != nil { throw Failure(.usage, "--check writes nothing; leave --data out") }
        guard let target = check ? "" : data ?? Environment["SLUICE_DATA"] else {
            throw Failure(.usage, "into which folder? Give --data NEW, or --check to write nothing")
        }
        let progress = BackupProgress()
        let (source, name, check) = (DataFolder.absolutePath(folder), snapshot, check)
        let report: Restore.Report
        do {
            report = try await interruptible {
                try await Self.work(progress) {
                    let restore = try Restore(from: source, snapshot: name)
                    return check
                        ? try restore.check(progress) : try restore.run(to: DataFolder.absolutePath(target), progress)
                }
            }
        } catch let error as BackupError {
            throw Failure(.failed, error.message)
        } catch is Interrupted {
            throw Failure(.failed, check ? "interrupted" : "interrupted; nothing was restored")
        }
        if json { return try Terminal.line(Self.document(report, check: check).text) }
        let files = "\(Text.count(Int64(report.files), "file")), \(Text.bytes(report.bytes))"
        let what = "snapshot \(report.snapshot): \(files), up to seq \(Text.count(report.seq))"
        try Terminal.line(
            check ? what + "; every file is whole" : what + "\nrestored; next: sluice serve --data \(target)")
    }

    private static func document(_ report: Restore.Report, check: Bool) -> JSONValue {
        guard case .object(let members) = report.json else { return report.json }
        return .object([.init("ok", true), .init("restored", .bool(!check))] + members)
    }

    /// Runs what blocks off the pool; a cancellation ends it soon, and what it had written is gone then.
    private static func work<T: Sendable>(
        _ progress: BackupProgress, _ body: @escaping @Sendable () throws -> T
    ) async throws -> T {
        try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: T?.self) { group in
                group.addTask { try await OffPool.run(body) }
                group.addTask {
                    var line = ProgressLine()
                    defer { line.clear() }
                    while (try? await Task.sleep(for: .milliseconds(100))) != nil {
                        line.show("\(Text.bytes(progress.bytes)) read")
                    }
                    return nil
                }
                defer { group.cancelAll() }
                while let next = try await group.next() { if let value = next { return value } }
                throw Interrupted()
            }
        } onCancel: {
            progress.cancel()
        }
    }
}
