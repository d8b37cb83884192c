/** Rows of those that rest: made once, they are listed in every interval at the cost of a pointer. */
export class IdleRows<Row> {
	private readonly rows: (Row | undefined)[] = [];
	private readonly places = new Map<object, number>();
	private readonly free: number[] = [];

	/** From now on this is the row of `owner`. */
	set(owner: object, row: Row): void {
		const place = this.places.get(owner) ?? this.free.pop() ?? this.rows.length;
		this.places.set(owner, place);
		this.rows[place] = row;
	}

	/** It does not rest now, but its place is kept. */
	hide(owner: object): void {
		const place = this.places.get(owner);
		if (place !== undefined) this.rows[place] = undefined;
	}

	/** It is no more. */
	remove(owner: object): void {
		const place = this.places.get(owner);
		if (place === undefined) return;
		this.places.delete(owner);
		this.rows[place] = undefined;
		this.free.push(place);
	}

	/** Add all rows to a list, each always at the same place among the others. */
	appendTo(list: Row[]): void {
		for (const row of this.rows) if (row !== undefined) list.push(row);
	}
}
