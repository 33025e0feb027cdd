import AsyncHTTPClient
import NIOCore

/// The bytes of an answer, on their way to a file or a pipe.
enum AnswerBody {
    /// Hands all of an answer on.
    static func copy(
        _ response: HTTPClientResponse, of client: APIClient, to write: ([UInt8]) async throws -> Void
    ) async throws {
        var blocks = response.body.makeAsyncIterator()
        while true {
            let block: ByteBuffer?
            do { block = try await blocks.next() } catch let error as CancellationError { throw error } catch {
                throw Failure(
                    .unreachable, "the answer of \(client.name) broke off: \(ClientErrors.describe(error)); ask again")
            }
            guard let block else { return }
            try await write(Array(block.readableBytesView))
        }
    }

    /// Writes all of an answer to a new file that its owner alone can read, or to standard output.
    ///
    /// - Parameter ending: what a file or a terminal ends with.
    static func save(
        _ response: HTTPClientResponse, of client: APIClient, to out: String, ending: [UInt8] = []
    ) async throws {
        if ExportTarget.isStandardOutput(out) {
            try await copy(response, of: client) { try await PipeWriter.write($0) }
            try await PipeWriter.write(ending)
        } else {
            let file = try NewFile(out, mode: 0o600)
            try await copy(response, of: client) { try await file.write($0) }
            try await file.write(ending)
            try await file.commit()
        }
    }
}
