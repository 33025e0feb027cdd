internal import Age
internal import Glibc
public import Model

/// Files of runs that are kept for a while after what they hold was loaded. Each has its run, its window and its end in its name, so that
/// nothing else needs to know of it.
public struct KeptRunFiles: Sendable {
    /// The folder in that of a pipeline.
    public static let name = "kept"

    public struct File: Sendable, Equatable {
        public let path: String
        public let run: String
        /// What it may have rows of: `seq` above and up to these.
        let window: (from: Int64, to: Int64)
        public let until: Timestamp
        /// `.ndjson.gz` and the like.
        let suffix: String

        /// As it is given out.
        public var name: String { run + suffix }
        public var isEncrypted: Bool { suffix.hasSuffix(".age") }

        /// On disk.
        public var bytes: Int64 {
            var found = stat()
            return unsafe stat(path, &found) == 0 ? Int64(found.st_size) : 0
        }

        public static func == (a: Self, b: Self) -> Bool { a.path == b.path }
    }

    private let folder: String

    /// - Parameter pipeline: the pipeline's folder among those of its project.
    public init(pipeline folder: String) { self.folder = folder + "/" + Self.name }

    /// Takes a file over, in the place of one that the run had before. Blocks.
    func keep(
        _ path: String, suffix: String, of run: String, window: (from: Int64, to: Int64), until: Timestamp,
        for recipients: [AgeRecipient]
    ) throws(PipelineError) {
        if let old = find(run) { RunFolder.remove(file: old.path) }
        var (path, suffix) = (path, suffix)
        if !recipients.isEmpty {
            try Self.encrypt(path, to: path + ".age", for: recipients)
            (path, suffix) = (path + ".age", suffix + ".age")
        }
        try RunFolder.keep(
            path, in: folder, as: "\(run).\(window.from)-\(window.to).\(until.microseconds)\(suffix)")
    }

    /// Those that are there. Blocks.
    public func files() -> [File] { RunFolder.names(folder).compactMap(read) }

    /// The file of a run; nil if it is not kept. Blocks.
    public func find(_ run: String) -> File? { files().first { $0.run == run } }

    /// Removes those whose time is over. Blocks.
    func prune(now: Timestamp) {
        for file in files() where file.until <= now { RunFolder.remove(file: file.path) }
    }

    /// Removes those that may have rows with one of these numbers, and whatever is no file of ours. Blocks.
    ///
    /// - Parameter seqs: in ascending order.
    /// - Returns: how many there were, and how many of them are there still.
    public func erase(_ seqs: [Int64]) -> (found: Int, left: Int) {
        var (found, left) = (0, 0)
        for name in RunFolder.names(folder) {
            if let file = read(name), !seqs.contains(where: { $0 > file.window.from && $0 <= file.window.to }) {
                continue
            }
            found += 1
            if unsafe unlink(folder + "/" + name) != 0 { left += 1 }
        }
        return (found, left)
    }

    private func read(_ name: String) -> File? {
        let parts = name.split(separator: ".", maxSplits: 2)
        guard parts.count == 3 else { return nil }
        let window = parts[1].split(separator: "-")
        let time = parts[2].prefix { $0 != "." }
        guard window.count == 2, let from = Int64(window[0]), let to = Int64(window[1]), let until = Int64(time) else {
            return nil
        }
        return File(
            path: folder + "/" + name, run: String(parts[0]), window: (from, to),
            until: Timestamp(microseconds: until), suffix: String(parts[2].dropFirst(time.count)))
    }

    private static func encrypt(
        _ source: String, to path: String, for recipients: [AgeRecipient]
    ) throws(PipelineError) {
        let input = unsafe open(source, O_RDONLY | O_CLOEXEC)
        guard input >= 0 else { throw RunFolder.failure("open", source) }
        defer { close(input) }
        let output = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard output >= 0 else { throw RunFolder.failure("write", path) }
        defer { close(output) }
        func put(_ bytes: [UInt8]) throws(PipelineError) {
            var at = 0
            while at < bytes.count {
                // What is not written yet, lent for the call.
                let count = unsafe bytes.withUnsafeBytes { piece in
                    unsafe Glibc.write(output, piece.baseAddress.map { unsafe $0 + at }, piece.count - at)
                }
                if count < 0, errno != EINTR { throw RunFolder.failure("write", path) }
                at += max(count, 0)
            }
        }
        let encryptor = try sealing { () throws(AgeError) in try AgeEncryptor(recipients) }
        var piece = [UInt8](repeating: 0, count: 256 << 10)
        while true {
            // Filled up to the count that read answers.
            let count = unsafe piece.withUnsafeMutableBytes { room in
                unsafe Glibc.read(input, room.baseAddress, room.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw RunFolder.failure("read", source) }
            var sealed: [UInt8] = []
            try sealing { () throws(AgeError) in
                if count == 0 {
                    try encryptor.finish(to: &sealed)
                } else {
                    try encryptor.write(piece.span.extracting(0..<count), to: &sealed)
                }
            }
            try put(sealed)
            if count == 0 { break }
        }
        guard fsync(output) == 0 else { throw RunFolder.failure("sync", path) }
    }

    private static func sealing<T>(_ body: () throws(AgeError) -> T) throws(PipelineError) -> T {
        do { return try body() } catch {
            throw PipelineError(.files, "the run's file cannot be encrypted: \(error.message)")
        }
    }
}
