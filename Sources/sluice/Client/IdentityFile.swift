import Age

/// The identities that a command opens files with.
enum IdentityFile {
    /// Reads an identity file. What is in it is in no message.
    static func read(_ path: String) throws -> [AgeIdentity] {
        let text = try SmallFile.read(path)
        do throws(AgeError) { return try AgeIdentity.list(file: text) } catch {
            throw Failure(.usage, "--identity \(path): \(error.message)")
        }
    }
}
