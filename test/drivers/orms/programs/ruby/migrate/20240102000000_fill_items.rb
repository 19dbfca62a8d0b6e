# frozen_string_literal: true

class FillItems < ActiveRecord::Migration[6.1]
  class Shelf < ActiveRecord::Base
    self.table_name = "shelves"
  end

  class Item < ActiveRecord::Base
    self.table_name = "items"
  end

  def up
    add_column :items, :weight, :decimal, precision: 8, scale: 3
    shelf = Shelf.create!(name: "first", created_at: Time.at(0), updated_at: Time.at(0))
    Item.insert_all([{ shelf_id: shelf.id, title: "one" }, { shelf_id: shelf.id, title: "two" }])
    Item.reset_column_information
    Item.find_each { |i| i.update!(weight: 1) }
    change_column_null :items, :weight, false, 0
    execute "UPDATE items SET title = upper(title)"
  end

  def down
    Item.delete_all
    Shelf.delete_all
    remove_column :items, :weight
  end
end
