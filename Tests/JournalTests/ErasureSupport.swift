import Model

@testable import Journal

/// An item of a person who is named in its identity and in its properties.
func event(_ id: String, of person: String) -> Item {
    var item = event(id, #"{"email":"\#(person)"}"#)
    item.identity = Array(person.utf8)
    return item
}

func submission(_ ids: [String], of person: String) -> Submission {
    var submission = Submission()
    for id in ids { submission.add(event(id, of: person)) }
    return submission
}

func erasure(through: Int64, _ seqs: [Int64], _ persons: String...) -> JournalErasure {
    JournalErasure(through: through, seqs: seqs, texts: persons.map { Array($0.utf8) })
}

extension Journal {
    /// An erasure as a value.
    func attempt(_ erasure: JournalErasure) async -> Result<JournalErasureReport, JournalError> {
        do throws(JournalError) { return .success(try await erase(erasure)) } catch { return .failure(error) }
    }

    func verdicts(_ ids: [String]) async throws -> [Verdict] { try await append(submission(ids)).verdicts }
}

extension Result {
    var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
}

extension TemporaryFolder {
    /// The names of the files in which the bytes stand.
    func files(holding text: String) throws -> [String] {
        let wanted = Array(text.utf8)
        let inner = ((try? Folder.names(path + "/dedup")) ?? []).map { "dedup/\($0)" }
        return try (Folder.names(path).filter { $0 != "dedup" } + inner).filter { name in
            let bytes = try read(name)
            return bytes.indices.contains { start in
                bytes[start] == wanted[0] && bytes[start...].starts(with: wanted)
            }
        }
    }

    /// The `seq` of each id in the files of the index.
    func sealedSeqs() throws -> [Int64] {
        var seqs: [Int64] = []
        for name in idFiles {
            let file = try IDFile(path: "\(path)/dedup/\(name)", files: SystemFiles())
            file.forEach { _, seq in seqs.append(seq) }
        }
        return seqs.sorted()
    }
}
