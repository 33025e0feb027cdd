internal import DuckDB
internal import Synchronization

/// An identity with its number in the store.
public struct StoredIdentity: Sendable, Equatable {
    public let id: Int64
    public let text: String

    public init(id: Int64, text: String) {
        self.id = id
        self.text = text
    }
}

extension EventStore {
    /// How often rows were taken out of the store for good. Two exports with the same resolved specification and the same
    /// number have the same bytes.
    public var erasureEpoch: Int64 { epoch.load(ordering: .acquiring) }

    /// Whether a cold file is still in the folder, whatever the catalogue says.
    public func hasColdFile(named name: String) throws -> Bool { try folder.names().contains(name) }

    /// All identities of the persons to whom some identities belong.
    public func identitiesOfPersons(with identities: [String]) async throws(StoreError) -> [StoredIdentity] {
        do {
            return try await read { connection in
                var persons: Set<Int64> = []
                for identity in identities {
                    let row = try connection.row(
                        "SELECT person_id FROM identities WHERE identity = $1", [.text(identity)])
                    if let person = row?[0].int { persons.insert(person) }
                }
                let rows = try connection.rows(
                    """
                    SELECT identity_id, identity FROM identities WHERE person_id IN (SELECT unnest($1::BIGINT[]))
                    ORDER BY identity_id
                    """, [.list(persons.sorted().map { .int($0) })])
                return rows.compactMap { row in
                    guard let id = row[0].int, let text = row[1].text else { return nil }
                    return StoredIdentity(id: id, text: text)
                }
            }
        } catch {
            throw StoreError(error)
        }
    }

    /// Takes rows out of every file of the store; the bytes that they were are gone when this returns. One at a time. Raises
    /// `erasureEpoch`.
    ///
    /// - Parameters:
    ///   - isContinued: whether an attempt before may have done a part of it.
    ///   - rejects: whether an input that was refused goes, too.
    ///   - noting: is told the `seq`s of what goes, before it goes; after a crash they are the only way to know.
    /// - Throws: `.changed` if identities were tied to those of the removal meanwhile: look up again who they are.
    ///   `.cancelled`, `.files`, `.database`: rows may have gone from some files then. The same call again does the
    ///   rest.
    public func remove(
        _ removal: Removal, isContinued: Bool = false,
        rejects: @escaping @Sendable (_ raw: String) -> Bool = { _ in false },
        noting: @escaping @Sendable (RemovedItems) async throws -> Void = { _ in }
    ) async throws(StoreError) -> [RemovedCopy] {
        do {
            return try await StoreRemoval(
                store: self, removal: removal, isContinued: isContinued, rejects: rejects, noting: noting
            ).run()
        } catch {
            throw StoreError(error)
        }
    }
}
