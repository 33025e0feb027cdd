import Glibc
import Synchronization

@testable import Journal

/// Real files of which one chosen call fails, alone or with all that come after it, as if the process were gone then.
final class CountedFiles: JournalFiles {
    enum Mode: Sendable, CaseIterable { case once, crash }
    private struct State {
        var calls = 0
        var failing: Int?
        var mode = Mode.once
    }
    private let state = Mutex(State())
    private let real = SystemFiles()

    /// The calls that changed something since the counting began.
    var calls: Int { state.withLock { $0.calls } }

    /// Counts from now; call `number` fails, the first being 1.
    func fail(at number: Int?, _ mode: Mode) { state.withLock { $0 = State(failing: number, mode: mode) } }

    private func count() -> Bool {
        state.withLock { state in
            state.calls += 1
            guard let failing = state.failing else { return false }
            return state.mode == .once ? state.calls == failing : state.calls >= failing
        }
    }

    private func check(_ call: String) throws(FileError) {
        if count() { throw FileError(number: EIO, call: call) }
    }

    func open(_ path: String, _ access: FileAccess) throws(FileError) -> Int32 {
        if access == .create { try check("open") }
        return try real.open(path, access)
    }

    func write(_ bytes: Span<UInt8>, to descriptor: Int32, at offset: Int64) throws(FileError) {
        if count() {
            try real.write(bytes.extracting(0..<(bytes.count / 2)), to: descriptor, at: offset)
            throw FileError(number: EIO, call: "write")
        }
        try real.write(bytes, to: descriptor, at: offset)
    }

    func synchronizeData(_ descriptor: Int32) throws(FileError) {
        try check("fdatasync")
        try real.synchronizeData(descriptor)
    }
    func synchronizeDirectory(_ path: String) throws(FileError) {
        try check("fsync")
        try real.synchronizeDirectory(path)
    }
    func truncate(_ descriptor: Int32, to length: Int64) throws(FileError) {
        try check("ftruncate")
        try real.truncate(descriptor, to: length)
    }
    func rename(_ path: String, to newPath: String) throws(FileError) {
        try check("rename")
        try real.rename(path, to: newPath)
    }
    func unlink(_ path: String) throws(FileError) {
        try check("unlink")
        try real.unlink(path)
    }
    func close(_ descriptor: Int32) { real.close(descriptor) }
}
