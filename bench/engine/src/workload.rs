//! Customers, orders, updates: the same for every run.

use tailwater_types::{ChangeBatch, Datum, Layout, RowKind};

pub(crate) const CUSTOMERS: u64 = 100_000;
const REGIONS: u64 = 1_000;

/// `id BIGINT, cust BIGINT, amount DECIMAL(10, 2)`
pub(crate) const ORDER_LAYOUTS: [Layout; 3] = [Layout::Int, Layout::Int, Layout::Decimal64];
/// `id BIGINT, region STRING`
pub(crate) const CUSTOMER_LAYOUTS: [Layout; 2] = [Layout::Int, Layout::Str];

/// Makes the input.
pub(crate) struct Workload {
    rows_a_step: usize,
    random: u64,
    /// Customer and amount of each order.
    orders: Vec<(u32, u32)>,
}

impl Workload {
    pub(crate) fn new(rows_a_step: usize) -> Self {
        Self { rows_a_step, random: 0x9e37_79b9_7f4a_7c15, orders: Vec::new() }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % n
    }

    pub(crate) fn customers(&self) -> Vec<ChangeBatch> {
        let ids: Vec<u64> = (0..CUSTOMERS).collect();
        let batch = |chunk: &[u64]| {
            let mut batch = ChangeBatch::default();
            for id in chunk {
                let region = format!("region-{}", id.wrapping_mul(7919) % REGIONS);
                let row = [Datum::Int(*id as i64), Datum::Str(&region)];
                batch.push_datums(RowKind::Insert, &row, &CUSTOMER_LAYOUTS);
            }
            batch
        };
        ids.chunks(10_000).map(batch).collect()
    }

    pub(crate) fn inserts(&mut self, count: usize) -> impl Iterator<Item = ChangeBatch> + '_ {
        let steps = count / self.rows_a_step;
        (0..steps).map(|_| {
            let mut batch = ChangeBatch::default();
            for _ in 0..self.rows_a_step {
                let order = (self.below(CUSTOMERS) as u32, self.below(1_000_000) as u32);
                self.orders.push(order);
                push(&mut batch, RowKind::Insert, self.orders.len() - 1, order);
            }
            batch
        })
    }

    pub(crate) fn updates(&mut self, count: usize) -> impl Iterator<Item = ChangeBatch> + '_ {
        let steps = count / self.rows_a_step;
        (0..steps).map(|_| self.update_batch(self.rows_a_step, None))
    }

    /// Updates that touch one customer in a hundred.
    pub(crate) fn few_updates(&mut self) -> Vec<ChangeBatch> {
        vec![self.update_batch(1_000, Some(CUSTOMERS as u32 / 100))]
    }

    fn update_batch(&mut self, count: usize, below_customer: Option<u32>) -> ChangeBatch {
        let mut batch = ChangeBatch::default();
        let mut left = count;
        while left > 0 {
            let id = self.below(self.orders.len() as u64) as usize;
            let old = self.orders[id];
            if below_customer.is_some_and(|limit| old.0 >= limit) {
                continue;
            }
            let new = (old.0, self.below(1_000_000) as u32);
            push(&mut batch, RowKind::UpdateBefore, id, old);
            push(&mut batch, RowKind::UpdateAfter, id, new);
            self.orders[id] = new;
            left -= 1;
        }
        batch
    }
}

fn push(batch: &mut ChangeBatch, kind: RowKind, id: usize, (customer, amount): (u32, u32)) {
    let row = [
        Datum::Int(id as i64),
        Datum::Int(i64::from(customer)),
        Datum::Decimal(i128::from(amount)),
    ];
    batch.push_datums(kind, &row, &ORDER_LAYOUTS);
}
