import Exports
import Glibc

/// A pipe or a device that is open for writing.
final class OutStream: Sendable {
    /// How often it is looked whether a pipe has a reader by now.
    private static let pause = Duration.milliseconds(50)

    private let descriptor: Int32

    /// Opens it; waits for the reader of a named pipe.
    init(_ path: String) async throws {
        descriptor = try await Self.reach(path)
        // Writes wait for their reader from here on.
        guard fcntl(descriptor, F_SETFL, 0) == 0 else { throw Failure(.failed, "\(path): \(systemReason())") }
    }

    deinit { close(descriptor) }

    func write(_ bytes: [UInt8]) async throws { try await PipeWriter.write(bytes, to: descriptor) }

    /// The descriptor of what is there, once it takes bytes.
    private static func reach(_ path: String) async throws -> Int32 {
        while true {
            // A wait inside open could not be cancelled. It is variadic in C; no pointer outlives the call.
            let opened = unsafe open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
            let failure = errno
            if opened >= 0 { return opened }
            guard failure == ENXIO, (try? OutPlace(path)) == .stream else {
                throw Failure(.failed, "\(path): \(systemReason(failure))")
            }
            try await Task.sleep(for: pause)
        }
    }
}
