internal import Age
internal import Codecs
internal import DuckDB
internal import Glibc

/// A file that the engine writes.
struct EngineFile {
    /// Whom it is encrypted for.
    let recipients: [AgeRecipient]

    /// Writes one part, whole when it returns, and notes it with its digest. `body` tells how many rows it has.
    func write(
        _ files: inout PartSet, _ connection: Connection, _ body: (_ path: String) throws -> Int64
    ) throws {
        let path = files.begin()
        let (rows, file) =
            if recipients.isEmpty { try follow(path, files, body) } else {
                try encrypt(path, files, connection.interrupter, body)
            }
        files.end(rows: rows, file)
    }

    /// Lets `body` write the file.
    private func follow(
        _ path: String, _ files: PartSet, _ body: (_ path: String) throws -> Int64
    ) throws -> (Int64, WrittenFile) {
        // The engine would make it readable for everybody.
        close(try FileSystem.create(path))
        let followed = FollowedFile(path, isDurable: files.isDurable, total: files.total)
        let rows: Int64
        do { rows = try body(path) } catch {
            followed.abandon()
            throw error
        }
        return (rows, try followed.finish())
    }

    /// Lets `body` write into a pipe, and the file be what is encrypted of it.
    private func encrypt(
        _ path: String, _ files: PartSet, _ interrupter: Interrupter, _ body: (_ path: String) throws -> Int64
    ) throws -> (Int64, WrittenFile) {
        // Parquet is packed inside.
        let sink = try ByteSink(path: path, .none, for: recipients, isDurable: files.isDurable, total: files.total)
        let pipe = try EncryptedPipe(into: sink) { interrupter.interrupt() }
        let rows: Int64
        do { rows = try body(pipe.path) } catch {
            // What stopped the engine comes before its own word that it was stopped.
            throw pipe.abandon() ?? error
        }
        return (rows, try pipe.finish())
    }
}
