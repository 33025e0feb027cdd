internal import Control
internal import EventStore
internal import Model

/// What retention took out of a store before stores noted that by themselves: the records of its runs say so.
struct EarlierRetention: Sendable {
    let control: ControlStore

    /// Tells a store that does not know. Before anything is removed from it, or made from it.
    func tell(_ runtime: ProjectRuntime) async throws {
        if let found = try await find(runtime) { try await runtime.store.noteAged(found) }
    }

    private func find(_ runtime: ProjectRuntime) async throws -> AgedHistory? {
        var (found, before): (AgedHistory?, Int64?) = (nil, nil)
        repeat {
            let page = try await control.privacyRecords(
                project: runtime.name, kind: .retention, before: before, limit: 200)
            for record in page {
                guard let history = try await history(record, runtime) else { continue }
                found = found?.adding(history) ?? history
            }
            before = page.last?.number
        } while before != nil
        return found
    }

    /// What a run took; nil if that was nothing. Where it is not known for certain, rather more than less.
    private func history(_ record: PrivacyRecord, _ runtime: ProjectRuntime) async throws -> AgedHistory? {
        let store = runtime.store
        let path = ErasureRequest.path(record.id, project: runtime.directory)
        let through: Int64
        if let noted = record.detail[ErasureRun.agedThrough]?.intValue {
            through = noted
        } else if let request = try? await ErasureRequest.read(path) {
            // It was cut off: some of what it noted may have gone.
            through = request.items.copies.isEmpty ? 0 : request.items.seqs.max() ?? 0
        } else {
            let took = (record.detail["copies"]?.arrayValue ?? []).contains { copy in
                ["hot", "cold", "rejects"].contains(copy["kind"]?.stringValue) && (copy["rows"]?.intValue ?? 0) > 0
            }
            through = took ? store.appliedSeq : 0
        }
        guard through > 0 else { return nil }
        return AgedHistory(
            through: through, before: record.createdAt, asOf: store.appliedSeq,
            epoch: record.detail["erasure_epoch"]?.intValue ?? store.erasureEpoch)
    }
}
