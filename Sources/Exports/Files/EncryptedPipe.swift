internal import CCodecs
internal import Dispatch
internal import Glibc

/// A pipe that the engine takes for a file: what it writes there is encrypted on its way to the disk, where nothing that
/// can be read ever lies, not even after a crash.
///
/// Unchecked: the queue has it until `finish` or `abandon` has waited for the queue, and then their caller.
final class EncryptedPipe: @unchecked Sendable {
    private static let piece = 1 << 18
    /// As much as the system gives without asking: few changes from one thread to the other.
    private static let room: Int32 = 1 << 20

    private let sink: ByteSink
    private let onFailure: @Sendable () -> Void
    private let queue = DispatchQueue(label: "export.pipe")
    private var reading: Int32
    private var writing: Int32
    private var failure: ExportError?

    /// Begins to read.
    ///
    /// - Parameters:
    ///   - sink: encrypts, hashes and writes.
    ///   - onFailure: stops whoever writes; until it has stopped, what it writes is read and thrown away.
    init(into sink: ByteSink, onFailure: @escaping @Sendable () -> Void) throws(ExportError) {
        var ends: [Int32] = [-1, -1]
        // Fills the two elements.
        guard unsafe sluice_pipe(&ends, Self.room) == 0 else { throw FileSystem.error("make", "a pipe") }
        self.sink = sink
        self.onFailure = onFailure
        (reading, writing) = (ends[0], ends[1])
        queue.async { self.read() }
    }

    deinit {
        if writing >= 0 { close(writing) }
        if reading >= 0 { close(reading) }
    }

    /// The name by which this process opens it for writing.
    var path: String { "/proc/self/fd/\(writing)" }

    /// Ends the file and makes it durable. Call it when the engine is done.
    func finish() throws(ExportError) -> WrittenFile {
        stop()
        if let failure { throw failure }
        return try sink.finish()
    }

    /// Stops reading what will not be whole; why the bytes could not be written, if that is so.
    func abandon() -> ExportError? {
        stop()
        return failure
    }

    private func stop() {
        // The reader comes to the end when nobody has the pipe open for writing.
        if writing >= 0 { close(writing) }
        writing = -1
        queue.sync {}
    }

    /// Hands on what comes, until the end.
    private func read() {
        var buffer = Output(capacity: Self.piece)
        while true {
            // The room behind what is there.
            let count = unsafe Glibc.read(reading, buffer.end, buffer.capacity - buffer.count)
            if count < 0, errno == EINTR { continue }
            if count < 0 {
                fail(FileSystem.error("read", "the engine's pipe"))
                // Nobody may wait for room in it.
                close(reading)
                reading = -1
            }
            guard count > 0 else { break }
            buffer.advance(count)
            if buffer.count == buffer.capacity { hand(&buffer) }
        }
        hand(&buffer)
    }

    private func hand(_ buffer: inout Output) {
        var full = Output(capacity: 0)
        swap(&full, &buffer)
        guard failure == nil else {
            full.removeAll()
            swap(&full, &buffer)
            return
        }
        do throws(ExportError) { buffer = try sink.write(full) } catch {
            buffer = Output(capacity: Self.piece)
            fail(error)
        }
    }

    private func fail(_ error: ExportError) {
        failure = error
        onFailure()
    }
}
